//! The link to a routing proxy, with a scripted router: start, loss, attaching again, refusals.

use crate::sim::world::{World, options, until};
use futures::future::BoxFuture;
use parking_lot::Mutex;
use quarterdeck::engine::proxy_link::{ProxyError, ProxyHandle, ProxyLauncher, ProxySource};
use quarterdeck::engine::record::{Recorder, from_lines, replay, to_lines};
use quarterdeck::engine::{EngineHandle, EngineOptions};
use quarterdeck::model::proxy::{Explanation, Routes, TrafficState, UpstreamFacts};
use quarterdeck::model::text::Text;
use quarterdeck::protocol::{Explained, Progress, ProxyAt, ProxyLink, ProxyRequest, Request, RequestId, Snapshot};
use std::sync::Arc;
use std::time::Duration;

const WATCH: RequestId = RequestId(1);

/// What the scripted proxy does.
#[derive(Debug, Default)]
struct Script {
    /// A proxy of somebody else's runs.
    runs: bool,
    own: bool,
    /// Pictures fail with this.
    fault: Option<ProxyError>,
    blocks: Vec<(Text, TrafficState)>,
    pictures: u64,
    links: Vec<ProxySource>,
    /// How often it was told that its console ends.
    left: u32,
    kept: bool,
}

#[derive(Debug, Clone, Default)]
struct Scripted(Arc<Mutex<Script>>);

impl ProxyLauncher for Scripted {
    fn link(&self, source: ProxySource) -> BoxFuture<'_, Result<Arc<dyn ProxyHandle>, ProxyError>> {
        let mut script = self.0.lock();
        let outcome = match &source {
            ProxySource::Found if script.runs => Ok(()),
            ProxySource::Found => Err(ProxyError::NoProxy),
            ProxySource::At { .. } => Err(ProxyError::Refused("127.0.0.1:9: the token is not this proxy's".into())),
            ProxySource::Own => {
                (script.runs, script.own) = (true, true);
                Ok(())
            }
        };
        script.links.push(source);
        let linked: Arc<dyn ProxyHandle> = Arc::new(self.clone());
        Box::pin(std::future::ready(outcome.map(|()| linked)))
    }
}

impl ProxyHandle for Scripted {
    fn at(&self) -> ProxyAt {
        let script = self.0.lock();
        ProxyAt { address: "127.0.0.1:9443".into(), pid: Some(7), own: script.own, kept: script.kept }
    }

    fn picture(&self) -> BoxFuture<'_, Result<Routes, ProxyError>> {
        let mut script = self.0.lock();
        script.pictures += 1;
        let upstream = UpstreamFacts {
            name: "prod".into(),
            traffic: script.blocks.last().map(|(_, state)| *state).unwrap_or_default(),
            ..UpstreamFacts::default()
        };
        let routes = Routes { in_flight: script.pictures, clusters: vec![upstream], ..Routes::default() };
        Box::pin(std::future::ready(script.fault.clone().map_or(Ok(routes), Err)))
    }

    fn set_traffic(&self, cluster: Text, state: TrafficState) -> BoxFuture<'_, Result<(), ProxyError>> {
        let known = cluster == "prod";
        if known {
            self.0.lock().blocks.push((cluster, state));
        }
        let refused = ProxyError::Refused("the proxy has no such cluster".into());
        Box::pin(std::future::ready(if known { Ok(()) } else { Err(refused) }))
    }

    fn reload(&self) -> BoxFuture<'_, Result<(), ProxyError>> {
        Box::pin(std::future::ready(Err(ProxyError::Refused("rules.yaml:3: no such operator".into()))))
    }

    fn explain(&self, text: Text) -> BoxFuture<'_, Result<Explanation, ProxyError>> {
        let answer = Explanation { request: text, cluster: Some("prod".into()), ..Explanation::default() };
        Box::pin(std::future::ready(Ok(answer)))
    }

    fn keep(&self, kept: bool) -> BoxFuture<'_, Result<bool, ProxyError>> {
        self.0.lock().kept = kept;
        Box::pin(std::future::ready(Ok(kept)))
    }

    fn stop(&self) -> BoxFuture<'_, Result<(), ProxyError>> {
        let mut script = self.0.lock();
        (script.runs, script.own) = (false, false);
        Box::pin(std::future::ready(Ok(())))
    }

    fn leave(&self) {
        self.0.lock().left += 1;
    }
}

fn start(script: &Scripted) -> EngineHandle {
    World::new(&["a"]).start_with(EngineOptions { proxies: Arc::new(script.clone()), ..options(1) })
}

fn ask(engine: &EngineHandle, request: Request) {
    engine.requests.try_send(request).expect("room");
}

fn is_attached(snapshot: &Snapshot) -> bool {
    matches!(snapshot.proxy.link, ProxyLink::Attached(_))
}

#[tokio::test(start_paused = true)]
async fn a_proxy_that_runs_is_found_when_somebody_looks() {
    let script = Scripted::default();
    let mut engine = start(&script);
    until(&mut engine, "the fleet", |s| !s.clusters.is_empty()).await;
    assert!(script.0.lock().links.is_empty(), "nobody looked");
    ask(&engine, Request::Proxy(ProxyRequest::Watch(WATCH)));
    tokio::time::sleep(Duration::from_secs(7)).await;
    assert_eq!(engine.snapshots.borrow().proxy.link, ProxyLink::None, "none runs, and that is no trouble");
    assert!(engine.snapshots.borrow().notices.is_empty());
    script.0.lock().runs = true;
    let seen = until(&mut engine, "attached", |s| is_attached(s) && s.proxy.routes.is_some()).await;
    assert!(matches!(&seen.proxy.link, ProxyLink::Attached(at) if !at.own));
    // Stopping what others started is refused.
    ask(&engine, Request::Proxy(ProxyRequest::Stop));
    until(&mut engine, "the refusal", |s| s.notices.iter().any(|n| n.text.contains("started elsewhere"))).await;
    assert!(script.0.lock().runs);
}

#[tokio::test(start_paused = true)]
async fn it_is_asked_once_a_second_and_only_while_somebody_looks() {
    let script = Scripted::default();
    script.0.lock().runs = true;
    let mut engine = start(&script);
    ask(&engine, Request::Proxy(ProxyRequest::Watch(WATCH)));
    until(&mut engine, "a picture", |s| s.proxy.routes.is_some()).await;
    tokio::time::sleep(Duration::from_secs(10)).await;
    let pictures = script.0.lock().pictures;
    assert!((9..=12).contains(&pictures), "{pictures}");
    ask(&engine, Request::Proxy(ProxyRequest::Unwatch(WATCH)));
    tokio::time::sleep(Duration::from_secs(1)).await;
    let before = script.0.lock().pictures;
    tokio::time::sleep(Duration::from_secs(60)).await;
    assert_eq!(script.0.lock().pictures, before);
}

#[tokio::test(start_paused = true)]
async fn a_lost_proxy_is_said_and_attached_again() {
    let script = Scripted::default();
    script.0.lock().runs = true;
    let mut engine = start(&script);
    ask(&engine, Request::Proxy(ProxyRequest::Watch(WATCH)));
    until(&mut engine, "attached", |s| is_attached(s) && s.proxy.routes.is_some()).await;
    {
        let mut script = script.0.lock();
        script.fault = Some(ProxyError::Unreachable("127.0.0.1:9443: connection refused".into()));
        script.runs = false;
    }
    let lost = until(&mut engine, "lost", |s| matches!(s.proxy.link, ProxyLink::Lost { .. })).await;
    assert!(lost.proxy.routes.is_some(), "what was seen stays");
    assert!(lost.notices.iter().any(|n| n.text.contains("connection refused")));
    let told = lost.notices.len();
    tokio::time::sleep(Duration::from_secs(20)).await;
    assert_eq!(engine.snapshots.borrow().notices.len(), told, "said once");
    {
        let mut script = script.0.lock();
        (script.fault, script.runs) = (None, true);
    }
    until(&mut engine, "attached again", is_attached).await;
}

#[tokio::test(start_paused = true)]
async fn an_own_proxy_that_is_slow_is_not_ended_for_it() {
    let script = Scripted::default();
    let mut engine = start(&script);
    ask(&engine, Request::Proxy(ProxyRequest::Watch(WATCH)));
    ask(&engine, Request::Proxy(ProxyRequest::Start));
    until(&mut engine, "started", |s| matches!(&s.proxy.link, ProxyLink::Attached(at) if at.own)).await;
    script.0.lock().fault = Some(ProxyError::Unreachable("no answer within 10s".into()));
    until(&mut engine, "lost", |s| matches!(s.proxy.link, ProxyLink::Lost { .. })).await;
    tokio::time::sleep(Duration::from_secs(10)).await;
    script.0.lock().fault = None;
    until(&mut engine, "there again", |s| matches!(&s.proxy.link, ProxyLink::Attached(at) if at.own)).await;
    assert_eq!(script.0.lock().left, 0);
    assert_eq!(script.0.lock().links.iter().filter(|s| **s == ProxySource::Own).count(), 1);
    ask(&engine, Request::Proxy(ProxyRequest::Keep(true)));
    until(&mut engine, "kept", |s| matches!(&s.proxy.link, ProxyLink::Attached(at) if at.kept)).await;
    ask(&engine, Request::Proxy(ProxyRequest::Stop));
    until(&mut engine, "stopped", |s| s.proxy.link == ProxyLink::None && s.proxy.routes.is_none()).await;
}

#[tokio::test(start_paused = true)]
async fn a_proxy_of_its_own_ends_with_the_engine() {
    let script = Scripted::default();
    let mut engine = start(&script);
    ask(&engine, Request::Proxy(ProxyRequest::Start));
    until(&mut engine, "started", is_attached).await;
    assert!(engine.shutdown(Duration::from_secs(5)).await);
    assert_eq!(script.0.lock().left, 1);
}

#[tokio::test(start_paused = true)]
async fn what_is_refused_is_said() {
    let script = Scripted::default();
    script.0.lock().runs = true;
    let mut engine = start(&script);
    // No proxy is known yet.
    ask(&engine, Request::Proxy(ProxyRequest::Explain { id: RequestId(9), text: "GET /api".into() }));
    let refused =
        |s: &Snapshot| matches!(s.proxy.explanations.get(&RequestId(9)).map(|e| &**e), Some(Explained::Refused(_)));
    until(&mut engine, "no proxy to ask", refused).await;
    ask(&engine, Request::Proxy(ProxyRequest::Watch(WATCH)));
    until(&mut engine, "attached", is_attached).await;
    let switch = |id, cluster: &str, state| {
        Request::Proxy(ProxyRequest::SetTraffic { id: RequestId(id), cluster: cluster.into(), state })
    };
    ask(&engine, switch(10, "nowhere", TrafficState::Blocked));
    let said = |s: &Snapshot, text: &str| s.notices.iter().any(|n| n.text.contains(text));
    let seen = until(&mut engine, "refused", |s| said(s, "no such cluster")).await;
    assert!(matches!(seen.operations[&RequestId(10)].progress, Progress::Failed(_)));
    ask(&engine, switch(11, "prod", TrafficState::Draining));
    until(&mut engine, "drained", |s| s.operations.get(&RequestId(11)).is_some_and(|o| o.progress == Progress::Done))
        .await;
    assert_eq!(script.0.lock().blocks, [(Text::new("prod"), TrafficState::Draining)]);
    ask(&engine, Request::Proxy(ProxyRequest::Reload(RequestId(12))));
    until(&mut engine, "the bad reload", |s| said(s, "rules.yaml:3")).await;
    ask(&engine, Request::Proxy(ProxyRequest::Explain { id: RequestId(13), text: "GET /api".into() }));
    let answered =
        |s: &Snapshot| matches!(s.proxy.explanations.get(&RequestId(13)).map(|e| &**e), Some(Explained::Answer(_)));
    until(&mut engine, "explained", answered).await;
}

#[tokio::test(start_paused = true)]
async fn a_wrong_token_is_said_where_it_was_asked() {
    let script = Scripted::default();
    let mut engine = start(&script);
    ask(&engine, Request::Proxy(ProxyRequest::Attach { address: "127.0.0.1:9".into(), token_file: "/nowhere".into() }));
    let lost = until(&mut engine, "refused", |s| matches!(s.proxy.link, ProxyLink::Lost { .. })).await;
    assert!(lost.notices.iter().any(|n| n.text.contains("not this proxy's")));
}

#[tokio::test(start_paused = true)]
async fn a_recording_with_a_proxy_replays() {
    let script = Scripted::default();
    script.0.lock().runs = true;
    let recorder = Recorder::new(10_000);
    let base = options(3);
    let fleet = base.fleet.clone();
    let with = EngineOptions { proxies: Arc::new(script.clone()), recorder: Some(recorder.clone()), ..base };
    let mut engine = World::new(&["a"]).start_with(with);
    ask(&engine, Request::Proxy(ProxyRequest::Watch(WATCH)));
    ask(&engine, Request::Proxy(ProxyRequest::Explain { id: RequestId(4), text: "GET /version".into() }));
    until(&mut engine, "pictures", |s| s.proxy.routes.as_ref().is_some_and(|r| r.in_flight > 2)).await;
    let lines = to_lines(&fleet, &recorder.records().0).expect("it can be written");
    let (fleet, records) = from_lines(&lines).expect("it can be read");
    let again = replay(fleet, records);
    assert!(is_attached(&again) && again.proxy.routes.is_some());
}
