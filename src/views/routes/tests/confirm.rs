//! Traffic: nothing is drained or blocked without a yes.

use super::super::*;
use super::fixture::{attached, normal, press, view, with};
use crate::model::cluster::ClusterEntry;
use crate::views::export::text;
use crate::views::fixture::{act, context, drawn, requests};
use crate::views::keymap::Key;
use crate::views::{snapshot, theme_named};

#[test]
fn blocking_is_confirmed_and_the_same_key_reopens() {
    let snap = with(attached(), Some(normal()));
    let mut view = view(Section::Clusters);
    let ids = RequestIds::from(7);
    let reply = act(&mut view, keys::BLOCK, &snap, &ids);
    assert!(reply.effects.is_empty(), "nothing happens unasked");
    let mut confirm = reply.over.unwrap();
    snapshot("routes_confirm_block", &text(&drawn(&*confirm, &snap, (80, 24), "mono")));
    let yes = act(&mut *confirm, Action::ACCEPT, &snap, &ids);
    assert!(yes.close);
    let sent = requests(yes);
    let [Request::Proxy(ProxyRequest::SetTraffic { id, cluster, state })] = sent.as_slice() else { panic!("{sent:?}") };
    assert_eq!((id.0, cluster.as_str(), *state), (7, "dev-1", TrafficState::Blocked));
    // `staging` is draining: the same key, or `u`, opens it at once.
    let mut at_staging = vec![Action::TOP, Action::DOWN, Action::DOWN, Action::DOWN, Action::DOWN];
    for key in [keys::DRAIN, keys::REOPEN] {
        at_staging.push(key);
        let sent = press(&mut view, &snap, &at_staging);
        at_staging.pop();
        let [Request::Proxy(ProxyRequest::SetTraffic { cluster, state: TrafficState::Open, .. })] = sent.as_slice()
        else {
            panic!("{sent:?}")
        };
        assert_eq!(cluster, "staging");
    }
}

#[test]
fn a_protected_cluster_is_typed() {
    let mut snap = with(attached(), Some(normal()));
    let clusters = Arc::make_mut(&mut snap.clusters);
    for cluster in clusters.values_mut() {
        let entry = ClusterEntry { access: Access::Protected, ..ClusterEntry::clone(&cluster.entry) };
        Arc::make_mut(cluster).entry = Arc::new(entry);
    }
    let mut view = view(Section::Clusters);
    let ids = RequestIds::from(7);
    let mut confirm = act(&mut view, keys::DRAIN, &snap, &ids).over.unwrap();
    assert!(act(&mut *confirm, Action::ACCEPT, &snap, &ids).effects.is_empty(), "its name is not typed yet");
    let theme = theme_named("mono");
    for c in "dev-1".chars() {
        let input = Input { action: None, key: Key::char(c) };
        confirm.update(input, &context(&snap, &theme, (80, 24), &ids));
    }
    for (name, size) in [("", (80, 24)), ("_40x10", (40, 10))] {
        snapshot(&format!("routes_confirm_typed{name}"), &text(&drawn(&*confirm, &snap, size, "mono")));
    }
    assert_eq!(requests(act(&mut *confirm, Action::ACCEPT, &snap, &ids)).len(), 1);
}
