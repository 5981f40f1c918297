//! The tester: which way a request would go, and why.

use super::super::*;
use super::fixture::{SIZES, attached, normal, with};
use crate::model::proxy::{Candidate, Checked, Explanation, Passed};
use crate::protocol::Explained;
use crate::views::export::text;
use crate::views::fixture::{act, context, drawn, requests};
use crate::views::keymap::Key;
use crate::views::{snapshot, theme_named};
use std::collections::BTreeMap;

#[test]
fn the_tester_says_which_way_and_why() {
    let mut tester = Tester::new(RequestId(9));
    let (none, ids) = (Snapshot::default(), RequestIds::from(1));
    let picture = |tester: &Tester, size: (u16, u16)| text(&drawn(tester, &none, size, "mono"));
    snapshot("routes_tester_new", &picture(&tester, (80, 24)));
    assert!(act(&mut tester, Action::ACCEPT, &none, &ids).effects.is_empty(), "nothing is typed");
    tester.paste("kubectl get pods -n production");
    let sent = requests(act(&mut tester, Action::ACCEPT, &none, &ids));
    let [Request::Proxy(ProxyRequest::Explain { id, text })] = sent.as_slice() else { panic!("{sent:?}") };
    assert_eq!((id.0, text.as_str()), (9, "kubectl get pods -n production"));
    assert!(picture(&tester, (80, 24)).contains("asking the proxy"));
    let next = |rule: &str, cluster: Option<&str>, why: &str| Candidate {
        rule: rule.into(),
        cluster: cluster.map(Text::new),
        why: why.into(),
    };
    let answer = Explanation {
        request: "GET /api/v1/namespaces/production/pods".into(),
        read: "list pods in production".into(),
        rule: Some("production".into()),
        place: "rules.yaml:12".into(),
        cluster: Some("prod".into()),
        why: "namespace equals production".into(),
        next: vec![
            next("read-dev", None, "denied"),
            next("rest", Some("dev-1"), "always"),
            next("home", Some("dev-1"), "no rule holds"),
        ],
        ..Explanation::default()
    };
    let mut snap = with(attached(), Some(normal()));
    snap.proxy.explanations = Arc::new(BTreeMap::from([(RequestId(9), Arc::new(Explained::Answer(Box::new(answer))))]));
    tester.feed(&snap);
    for size in SIZES {
        snapshot(&format!("routes_tester_{}x{}", size.0, size.1), &picture(&tester, size));
    }
    let theme = theme_named("mono");
    tester.update(Input { action: None, key: Key::ctrl('u') }, &context(&none, &theme, (80, 24), &ids));
    act(&mut tester, Action::UP, &none, &ids);
    assert!(picture(&tester, (80, 24)).contains("› kubectl get pods"), "what was asked comes back");
    snap.proxy.explanations =
        Arc::new(BTreeMap::from([(RequestId(9), Arc::new(Explained::Refused("no verb is called GTE".into())))]));
    tester.feed(&snap);
    assert!(picture(&tester, (80, 24)).contains("✗ no verb is called GTE"));
}

#[test]
fn the_tester_says_what_was_passed_and_what_else_is_sent() {
    let checked = |condition: &str, value: &str| Checked { condition: condition.into(), value: value.into() };
    let passed = |rule: &str, value: &str| Passed {
        rule: rule.into(),
        place: "rules.yaml:4".into(),
        failed: checked("namespace equals staging", value),
    };
    let further =
        Explanation { read: "patch deployments.apps web".into(), cluster: Some("dev-1".into()), ..Default::default() };
    let answer = Explanation {
        cluster: Some("prod".into()),
        passed: vec![passed("far", "a"), passed("near", "b"), passed("nearer", "c"), passed("nearest", "")],
        warnings: vec!["the requests of this command go to several clusters: dev-1, prod".into()],
        further: vec![further],
        ..Default::default()
    };
    let mut tester = Tester::new(RequestId(9));
    tester.paste("kubectl apply");
    act(&mut tester, Action::ACCEPT, &Snapshot::default(), &RequestIds::from(1));
    let mut snap = with(attached(), Some(normal()));
    snap.proxy.explanations = Arc::new(BTreeMap::from([(RequestId(9), Arc::new(Explained::Answer(Box::new(answer))))]));
    tester.feed(&snap);
    let lines: Vec<String> = tester.lines().into_iter().map(|(line, _)| line).collect();
    assert_eq!(
        lines[lines.len() - 5..],
        [
            "not      nearest: namespace equals staging · it is none",
            "         nearer: namespace equals staging · it is c",
            "         near: namespace equals staging · it is b",
            "also     patch deployments.apps web → dev-1",
            "▲        the requests of this command go to several clusters: dev-1, prod",
        ]
    );
}
