//! Fences: nothing is drained or fenced without a yes.

use crate::protocol::ProxyRequest;
use super::super::*;
use super::fixture::{attached, normal, press, view, with};
use crate::model::cluster::ClusterEntry;
use crate::views::export::text;
use crate::views::fixture::NOW;
use crate::views::keymap::Key;
use crate::views::{snapshot, theme_named};

#[test]
fn a_fence_is_confirmed_and_the_same_key_takes_it_away() {
    let snap = with(attached(), Some(normal()));
    let mut view = view(Section::Clusters);
    let theme = theme_named("mono");
    let around = ViewContext { snapshot: &snap, theme: &theme, now: NOW, area: Rect::new(0, 0, 80, 24) };
    let reply = view.on(Action::Fence, &around, &mut 7);
    assert!(reply.effects.is_empty(), "nothing happens unasked");
    let Some(Overlay::Confirm(confirm)) = reply.over.as_deref() else { panic!("no question") };
    let mut buffer = Buffer::empty(Rect::new(0, 0, 80, 24));
    confirm.draw(buffer.area, &mut buffer, &theme);
    snapshot("routes_confirm_fence", &text(&buffer));
    let sent = confirm.on(Action::Accept);
    let Some(Effect::Send(Request::Proxy(ProxyRequest::SetTraffic { id, cluster, state }))) = sent.effects.first()
    else {
        panic!()
    };
    assert_eq!((id.0, cluster.as_str(), *state, sent.close), (7, "dev-1", TrafficState::Fenced, true));
    // `staging` is draining: the same key, or `u`, opens it at once.
    let mut at_staging = vec![Action::Top, Action::Down, Action::Down, Action::Down, Action::Down];
    for key in [Action::Drain, Action::Unfence] {
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
    let theme = theme_named("mono");
    let around = ViewContext { snapshot: &snap, theme: &theme, now: NOW, area: Rect::new(0, 0, 80, 24) };
    let Some(Overlay::Confirm(mut confirm)) = view.on(Action::Drain, &around, &mut 7).over.map(|over| *over) else {
        panic!("no question")
    };
    assert!(confirm.on(Action::Accept).effects.is_empty(), "its name is not typed yet");
    for c in "dev-1".chars() {
        assert!(confirm.key(Key::char(c)));
    }
    for (name, size) in [("", (80, 24)), ("_40x10", (40, 10))] {
        let mut buffer = Buffer::empty(Rect::new(0, 0, size.0, size.1));
        confirm.draw(buffer.area, &mut buffer, &theme);
        snapshot(&format!("routes_confirm_typed{name}"), &text(&buffer));
    }
    assert_eq!(confirm.on(Action::Accept).effects.len(), 1);
}
