use super::Filter;
use crate::views::fixture::{NOW, pod, pod_columns};
use proptest::prelude::*;

fn passes(filter: &str) -> bool {
    let row = pod("prod-eu-1", ("payments", "api-7d9f8c6b5d-x2x4z", "CrashLoopBackOff", 7, 300));
    Filter::parse(filter).unwrap().passes(&row, &pod_columns(), NOW)
}

#[test]
fn each_form_of_the_grammar() {
    for (filter, expected) in [
        ("", true),
        ("api", true),
        ("API", false),
        ("crashloop", true),
        ("CrashLoop", true),
        ("nothing", false),
        ("api payments", true),
        ("api nothing", false),
        ("!nothing", true),
        ("!api", false),
        ("~^api-.*4z$", true),
        ("~^x", false),
        ("!~^x", true),
        ("cluster:prod-*", true),
        ("cluster:eu", true),
        ("cluster:staging", false),
        ("ns:pay", true),
        ("ns:pay*s", true),
        ("ns:web", false),
        ("status:crash", true),
        ("!status:running", true),
        ("restarts>5", true),
        ("restarts>=8", false),
        ("restarts=7", true),
        ("restarts!=7", false),
        ("age<10m", true),
        ("age>1d", false),
        ("ready<1", true),
        ("ready=0/1", true),
        ("ready>50%", false),
        ("node=n-14", true),
        ("node!=n-14", false),
        ("name=api", false),
        ("nosuch>5", false),
        ("-l app=api", true),
        ("-l app=web", false),
        ("label:app=api", true),
        ("-f apx4z", true),
        ("-f zzz", false),
        ("\"api-7d9f8c6b5d\"", true),
        ("10.0.0.7", true),
        ("image:latest", false),
        ("!", true),
        ("~", true),
    ] {
        assert_eq!(passes(filter), expected, "{filter}");
    }
}

#[test]
fn a_colon_in_an_unknown_column_is_plain_text() {
    let mut row = (*pod("c", ("ns", "p", "Running", 0, 0))).clone();
    row.cells[4] = crate::model::cell::Cell::text("nginx:1.27");
    assert!(Filter::parse("nginx:1").unwrap().passes(&row, &pod_columns(), NOW));
}

#[test]
fn mistakes_name_the_term_and_what_it_should_be() {
    for (filter, error) in [
        ("restarts>many", "restarts>many: `many` is no number, time (10m, 2d) or share (50%, 1/2)"),
        ("restarts>", "restarts> needs a value: restarts>5"),
        ("-l", "`-l` needs a selector: -l app=web"),
        ("-l a=b -l \"c d\"", "-l: `c d` is no label key"),
        ("\"open", "a quote is open: close it with \""),
        ("~(", "~(: unclosed group"),
    ] {
        assert_eq!(Filter::parse(filter).unwrap_err(), error);
    }
}

#[test]
fn selectors_are_pushed_and_joined() {
    assert_eq!(Filter::parse("api -l app=web -l tier").unwrap().selector(), "app=web,tier");
}

#[test]
fn what_was_found_is_marked_once() {
    let filter = Filter::parse("api pi-7 ~4z$ !nothing").unwrap();
    assert_eq!(filter.found("api-7d9f-x4z"), [0..5, 10..12]);
    assert_eq!(filter.found("漢字api漢").first(), Some(&(6..9)));
}

const TERMS: &[&str] = &[
    "a",
    "ap",
    "api",
    "A",
    "!a",
    "~a",
    "~(",
    "restarts>5",
    "restarts>",
    "age<10m",
    "ns:p",
    "-l",
    "app=x",
    "-f",
    "\"",
    "é",
    "漢",
    ">",
    "cluster:*e*",
    "label:a",
    "ready<1/2",
    "50%",
];

proptest! {
    #[test]
    fn whatever_is_typed_parses_or_says_why_and_never_panics(line in "\\PC{0,60}", text in "\\PC{0,40}") {
        if let Ok(filter) = Filter::parse(&line) {
            let row = pod("c", ("ns", &text, &text, 1, 5));
            let _passes = filter.passes(&row, &pod_columns(), NOW);
            for range in filter.found(&text) {
                prop_assert!(text.get(range).is_some());
            }
        }
    }

    #[test]
    fn terms_in_any_order_never_panic(terms in proptest::collection::vec(0..TERMS.len(), 0..6)) {
        let line = terms.iter().map(|at| TERMS[*at]).collect::<Vec<_>>().join(" ");
        if let Ok(filter) = Filter::parse(&line) {
            let _passes = filter.passes(&pod("c", ("ns", "api", "Running", 1, 5)), &pod_columns(), NOW);
        }
    }

    #[test]
    fn what_narrows_passes_no_new_row(before in "[ab]{0,2}( [ab]{1,2})?", after in "[ab]{0,4}( [abA]{1,2})?", name in "[abA]{0,5}") {
        let (before, after) = (Filter::parse(&before).unwrap(), Filter::parse(&after).unwrap());
        let row = pod("x", ("y", &name, "", 0, 0));
        if after.narrows(&before) && after.passes(&row, &pod_columns(), NOW) {
            prop_assert!(before.passes(&row, &pod_columns(), NOW));
        }
    }
}
