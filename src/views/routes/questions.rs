//! The questions of the Routes view: nothing is taken from the clients of a proxy without a yes.

use crate::model::proxy::{Routes, TrafficState, UpstreamFacts};
use crate::protocol::{ProxyRequest, Request, RequestId};
use crate::views::confirm::Confirm;

fn running(in_flight: u64, long_running: u64) -> String {
    format!("{in_flight} in flight · {long_running} long-running")
}

/// Before a cluster is drained or blocked; a protected one is named by typing it.
pub(super) fn traffic(cluster: &UpstreamFacts, traffic: TrafficState, is_protected: bool, id: RequestId) -> Confirm {
    let (title, effect) = match traffic {
        TrafficState::Blocked => (
            "Block",
            [
                "No request goes there any more; the running ones are ended.",
                "Watches of its clients end at once; rules with other clusters go on there.",
            ],
        ),
        TrafficState::Draining | TrafficState::Open => (
            "Drain",
            [
                "No new client goes there; what runs there runs on.",
                "Clients that are there already stay until they end.",
            ],
        ),
    };
    let mut lines = vec![running(cluster.in_flight, cluster.long_running), String::new()];
    lines.extend(effect.iter().map(|text| (*text).to_owned()));
    lines.push("The same key reopens it.".to_owned());
    let request = Request::Proxy(ProxyRequest::SetTraffic { id, cluster: cluster.name.clone(), state: traffic });
    let confirm = Confirm::new(format!("{title} {}?", cluster.name), lines, request);
    if is_protected { confirm.typed(cluster.name.clone(), "It is protected:") } else { confirm }
}

/// Before the proxy this program started is ended.
pub(super) fn stop(routes: Option<&Routes>) -> Confirm {
    let mut lines = Vec::new();
    if let Some(routes) = routes {
        lines.push(running(routes.in_flight, routes.long_running));
        lines.extend(routes.listeners.iter().map(|listener| format!("listens on {listener}")));
        lines.push(String::new());
    }
    lines.push("It takes no new connection, lets short requests end, and ends the rest.".to_owned());
    Confirm::new("Stop the proxy?", lines, Request::Proxy(ProxyRequest::Stop))
}
