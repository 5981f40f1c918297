use super::*;

fn part(cluster: &str, items: &[Value], error: Option<&str>) -> Part {
    Part {
        cluster: ClusterName::new(cluster),
        items: items.iter().map(ObjectText::from).collect(),
        error: error.map(str::to_owned),
    }
}

fn written(format: Format, shape: Shape, parts: &[Part], missing: (Vec<String>, Vec<String>)) -> String {
    let mut out = Vec::new();
    let mut writer = Writer::new(format, shape);
    writer.begin(&mut out).unwrap();
    for part in parts {
        writer.cluster(part, &mut out).unwrap();
    }
    writer.end(missing, &mut out).unwrap();
    String::from_utf8(out).unwrap()
}

/// The same document as one value.
fn whole(shape: Shape, parts: &[Part], missing: &(Vec<String>, Vec<String>)) -> Value {
    if shape == Shape::Flat {
        let all = parts.iter().flat_map(|part| part.items.iter().map(|item| annotated(item.value(), &part.cluster)));
        let items: Vec<Value> = all.collect();
        return json!({"apiVersion": "v1", "kind": "List", "metadata": {"resourceVersion": ""}, "items": items});
    }
    let entries = parts.iter().map(|part| {
        let items: Vec<Value> = part.items.iter().map(ObjectText::value).collect();
        let mut entry = json!({"cluster": part.cluster.as_str(), "items": items});
        if let Some(error) = &part.error {
            entry["error"] = json!(error);
        }
        entry
    });
    let entries: Vec<Value> = entries.collect();
    let errors: Map<String, Value> =
        parts.iter().filter_map(|part| Some((part.cluster.to_string(), json!(part.error.as_ref()?)))).collect();
    let mut summary = json!({
        "total": parts.len(), "successful": parts.len() - errors.len(), "failed": errors.len(), "errors": errors,
    });
    for (key, words) in [("notFound", &missing.0), ("notKnown", &missing.1)] {
        if !words.is_empty() {
            summary[key] = json!(words);
        }
    }
    json!({"apiVersion": API_VERSION, "kind": "MultiClusterResult", "clusters": entries, "summary": summary})
}

/// Texts and shapes that are easily laid out wrong.
fn awkward() -> Vec<Value> {
    vec![
        json!({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "a", "labels": {}}, "spec": {"list": [], "deep": [[], [{}], [[1, 2.5, -3]]]}}),
        json!({"a": "quote \" comma, colon: brace } bracket ] backslash \\ end\\", "{": "}", "[": "]", "\u{7}": "\u{e4}\u{1f600}"}),
        json!({"text": "first\nsecond\n\n  third\n", "long": "word ".repeat(60), "script": "#!/bin/sh\n\techo\n", "blank": " x ", "empty": ""}),
        json!({"b": [true, false, null, 1e300], "like": ["1", "yes", "null", "~", "- a", "#c", "2026-11-21", "0x1f"]}),
        json!({}),
    ]
}

/// L4: what is written piece by piece is to the byte what was written as one value.
#[test]
fn the_pieces_are_the_whole_document() {
    let missing = (vec!["cm/x".to_owned()], vec!["cm/y".to_owned()]);
    for parts in [
        vec![],
        vec![part("a", &[], None)],
        vec![part("a", &[json!({"kind": "Pod"})], None)],
        vec![
            part("a", &awkward(), None),
            part("b", &[], Some("error: refused: \"x\"")),
            part("c", &awkward(), Some("half: of it")),
        ],
        vec![part("yes", &awkward(), None), part("1", &awkward(), None), part("z", &[], None)],
    ] {
        for missing in [missing.clone(), Default::default()] {
            for shape in [Shape::Envelope, Shape::Flat] {
                let value = whole(shape, &parts, &missing);
                assert_eq!(written(Format::Json, shape, &parts, missing.clone()), json_text(&value).unwrap());
                assert_eq!(written(Format::Yaml, shape, &parts, missing.clone()), yaml_text(&value).unwrap());
            }
        }
    }
}

#[test]
fn the_envelope_names_every_cluster_asked_and_the_one_that_failed() {
    let parts = [
        part("a", &[json!({"metadata": {"name": "p"}})], None),
        part("b", &[], Some("error: unable to reach the server: refused")),
        part("c", &[], None),
    ];
    let text = written(Format::Json, Shape::Envelope, &parts, Default::default());
    let value: Value = serde_json::from_str(&text).unwrap();
    assert_eq!(value["summary"]["total"], 3);
    assert_eq!(value["summary"]["successful"], 2);
    assert_eq!(value["summary"]["failed"], 1);
    assert_eq!(value["clusters"][0]["items"][0]["metadata"]["name"], "p");
    assert_eq!(value["clusters"][1]["error"], "error: unable to reach the server: refused");
    assert_eq!(value["summary"]["errors"]["b"], value["clusters"][1]["error"]);
    assert_eq!(value["clusters"][2]["items"], json!([]));
}

#[test]
fn a_flat_list_says_where_each_item_is_from() {
    let item = json!({"kind": "Pod", "metadata": {"name": "p"}});
    let parts = [part("a", std::slice::from_ref(&item), None), part("b", &[item], None)];
    let value: Value = serde_json::from_str(&written(Format::Json, Shape::Flat, &parts, Default::default())).unwrap();
    assert_eq!(value["kind"], "List");
    assert_eq!(value["items"][1]["metadata"]["annotations"][CLUSTER_ANNOTATION], "b");
}

#[test]
fn yaml_reads_back_as_it_was() {
    let value = json!({"a": ["1", "yes", "null", "~", "x: y", "2026-11-21", "1e3", "0x1f", ":", "- a", "#c", "multi\nline\n", ""], "b": {"c": null, "d": 1.5, "e": {}, "f": []}});
    let text = yaml_text(&value).unwrap();
    let back: Value = serde_saphyr::from_str(&text).unwrap();
    assert_eq!(back, value, "{text}");
}
