use super::*;

const OBJECT: &str = r#"{"metadata":{"name":"x","annotations":{"a.b/c":"dotted","a":{"b/c":"parted"}}},
    "spec":{"replicas":3,"list":[{"n":1},{"n":2,"m":"two"},{"n":3,"m":"three","same":3}],"on":true,"half":0.5,"null":null,
      "empty":[],"texts":["a","b","c","d"],"of":[[1],[],[2]],"deep":{"in":{"name":"inner"}}},
    "status":{"conditions":[{"type":"Synced","status":"False"},{"type":"Ready","status":"True","reason":"All == good]"}]}}"#;

fn at(path: &str) -> Option<String> {
    let object: &RawValue = serde_json::from_str(OBJECT).unwrap();
    Path::parse(path)?.first(object).map(|v| v.get().to_owned())
}

fn check(cases: &[(&str, &str)]) {
    for (path, expected) in cases {
        assert_eq!(at(path).as_deref(), Some(*expected), "{path}");
    }
}

#[test]
fn fields_and_items() {
    check(&[
        (".metadata.name", "\"x\""),
        (r".metadata.annotations.a\.b/c", "\"dotted\""),
        (r".metadata.annotations['a\.b/c']", "\"dotted\""),
        // A dot in quotes parts names, at the server too.
        (".metadata.annotations['a.b/c']", "\"parted\""),
        (".spec.replicas", "3"),
        (".spec.null", "null"),
        (".spec.list[1].n", "2"),
        (".spec.list[-1].m", "\"three\""),
        (".spec.list[*].m", "\"two\""),
        (".spec.list[].n", "1"),
    ]);
}

#[test]
fn slices_unions_and_descents() {
    check(&[
        (".spec.texts[1:3]", "\"b\""),
        (".spec.texts[-1:]", "\"d\""),
        (".spec.texts[-3:-1]", "\"b\""),
        (".spec.texts[:]", "\"a\""),
        (".spec.texts[1::2]", "\"b\""),
        (".spec['on','replicas']", "true"),
        (".spec['none', 'replicas']", "3"),
        (".spec.texts[2,0]", "\"c\""),
        (".spec.texts[3,1:2]", "\"d\""),
        ("..name", "\"x\""),
        (".spec..name", "\"inner\""),
        (".spec..n", "1"),
        (".spec.deep..", r#"{"in":{"name":"inner"}}"#),
        (".spec.deep.*.name", "\"inner\""),
        // The empty list ends the step: what is behind it is not looked at.
        (".spec.of[*][*]", "1"),
    ]);
}

#[test]
fn filters_compare_what_is_of_one_kind() {
    check(&[
        (r#".status.conditions[?(@.type=="Ready")].status"#, "\"True\""),
        (".status.conditions[?(@.type == 'Ready')].reason", "\"All == good]\""),
        (".spec.list[?(@.n>1)].m", "\"two\""),
        (".spec.list[?(@.n>=1)].n", "1"),
        (".spec.list[?(@.n<=2)].n", "1"),
        (".spec.list[?(@.n!=1)].n", "2"),
        (".spec.list[?(@.m)].n", "2"),
        (".spec.list[?(@.m!='one')].n", "2"),
        (".spec.list[?(@.m<'tx')].n", "2"),
        (".spec.list[?(@.n==@.same)].m", "\"three\""),
        (r#".status.conditions[?(@.type>"Ready")].status"#, "\"False\""),
    ]);
}

#[test]
fn what_is_missing_or_cannot_be_followed_is_nothing() {
    for path in [
        ".a.b",
        ".",
        ".spec.list[7]",
        ".spec.empty[0]",
        ".spec.empty[*]",
        ".spec.texts[2:1]",
        ".spec.texts[0:9]",
        ".spec.texts[::0]",
        ".spec.texts[0:0]",
        ".spec.replicas.x",
        ".spec.replicas[0]",
        ".spec.list.n",
        ".spec.list.*.none",
        ".spec[0]",
        ".spec..[0]",
        ".spec['on',0]",
        ".status.conditions[?(@.type=='No')].x",
        // Kinds that cannot be compared empty the whole cell, also when an item before would do.
        ".spec.list[?(@.n>1.5)].n",
        ".spec.list[?(@.m!=1)].n",
        ".spec[?(@.n)]",
        ".spec.list[?(@.n=1)].n",
        ".spec.list[?(@.n==one)].n",
        ".spec.texts[?(@>true)]",
        "spec.on",
        ".spec end",
    ] {
        assert_eq!(at(path), None, "{path}");
    }
}

#[test]
fn what_the_server_cannot_read_is_not_read() {
    for path in
        ["....a", ".x[", ".x['a", ".x[a]", ".x[\"a\"]", ".x[1:2:3:4]", ".x[-]", ".x[?(@.a)", ".a,b", ".x[?(@.a]"]
    {
        assert_eq!(Path::parse(path), None, "{path}");
    }
    assert_eq!(Path::parse(&".a".repeat(100)), None);
}

#[test]
fn a_path_that_finds_too_much_finds_nothing() {
    let many = format!("[{}]", vec!["[1,2]"; VALUES_MAX].join(","));
    let many: &RawValue = serde_json::from_str(&many).unwrap();
    assert_eq!(Path::parse("..").unwrap().first(many).map(RawValue::get), None);
    assert!(Path::parse("[*]").unwrap().first(many).is_some());
}

proptest::proptest! {
    #[test]
    fn no_path_panics(path in "[.\\[\\]?()@a*'\"=\\\\ <0-9:,-]{0,24}") {
        let object: &RawValue = serde_json::from_str(OBJECT).unwrap();
        let _found = Path::parse(&path).map(|p| p.first(object).map(RawValue::get));
    }
}
