//! Documents, logs, secrets, bounds and recordings over simulated clusters.

use super::cluster::{Way, pod};
use super::scenarios::{shard, state};
use super::world::{BEGIN, World, options, subscribe, until};
use quarterdeck::engine::EngineHandle;
use quarterdeck::engine::record::{Recorder, from_lines, replay, to_lines};
use quarterdeck::model::cluster::{ClusterName, ClusterState};
use quarterdeck::model::document::{Aspect, Body};
use quarterdeck::model::kind::KindId;
use quarterdeck::model::logs::LogSource;
use quarterdeck::model::object::ObjectKey;
use quarterdeck::model::text::Text;
use quarterdeck::protocol::{
    ClusterRequest, DocumentRequest, LOG_LINES_MAX, LogStreamState, LogsRequest, Progress, Request, RequestId, Reveal,
    ShardState, Snapshot,
};
use std::sync::Arc;
use std::time::Duration;

fn object(kind: KindId, name: &str) -> ObjectKey {
    let (cluster, namespace) = (ClusterName::new("a"), Text::const_new("ns-0"));
    ObjectKey { cluster, kind, namespace, name: Text::new(name), uid: Text::default() }
}

fn ask(engine: &EngineHandle, request: Request) {
    engine.requests.try_send(request).expect("room");
}

async fn live(seed: u64) -> (Arc<World>, EngineHandle) {
    let world = World::new(&["a"]);
    let mut engine = world.start(seed);
    until(&mut engine, "live", |s| s.shards.get(&shard("a", &pod())).is_some_and(|s| s.state == ShardState::Live))
        .await;
    (world, engine)
}

fn body(snapshot: &Snapshot) -> Option<&Body> {
    snapshot.documents.get(&RequestId(1)).map(|document| &document.body)
}

fn reads(snapshot: &Snapshot, text: &str) -> bool {
    matches!(body(snapshot), Some(Body::Ready(lines)) if lines.iter().any(|line| line == text))
}

#[tokio::test(start_paused = true)]
async fn a_document_follows_its_object_until_it_is_gone() {
    let (world, mut engine) = live(1).await;
    ask(
        &engine,
        Request::Document(DocumentRequest::Open {
            id: RequestId(1),
            object: object(pod(), "pod-0"),
            aspect: Aspect::Describe,
        }),
    );
    until(&mut engine, "read", |s| reads(s, "value: 0")).await;
    world.change("a", |sim| sim.put(&pod(), "ns-0", "pod-0", 5));
    until(&mut engine, "read again", |s| reads(s, "value: 5")).await;
    world.change("a", |sim| sim.delete(&pod(), "ns-0", "pod-0"));
    until(&mut engine, "gone", |s| matches!(body(s), Some(Body::Gone(lines)) if lines[0] == "value: 5")).await;
    ask(&engine, Request::Document(DocumentRequest::Close(RequestId(1))));
    until(&mut engine, "closed", |s| s.documents.is_empty()).await;
}

#[tokio::test(start_paused = true)]
async fn an_object_that_changes_all_the_time_is_not_fetched_all_the_time() {
    let (world, mut engine) = live(2).await;
    ask(
        &engine,
        Request::Document(DocumentRequest::Open {
            id: RequestId(1),
            object: object(pod(), "pod-0"),
            aspect: Aspect::Yaml,
        }),
    );
    until(&mut engine, "read", |s| reads(s, "value: 0")).await;
    let before = world.cluster("a").look(|sim| sim.calls);
    for n in 1..=200 {
        world.change("a", |sim| sim.put(&pod(), "ns-0", "pod-0", n));
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    until(&mut engine, "the last", |s| reads(s, "value: 200")).await;
    let calls = world.cluster("a").look(|sim| sim.calls) - before;
    assert!(calls <= 14, "{calls} calls in four seconds");
}

#[tokio::test(start_paused = true)]
async fn a_document_of_a_dead_cluster_says_so_and_is_read_when_it_is_back() {
    let (world, mut engine) = live(3).await;
    world.change("a", |sim| sim.way = Way::Refused);
    until(&mut engine, "stale", |s| matches!(state(s, "a"), ClusterState::Stale { .. })).await;
    ask(
        &engine,
        Request::Document(DocumentRequest::Open {
            id: RequestId(1),
            object: object(pod(), "pod-0"),
            aspect: Aspect::Yaml,
        }),
    );
    until(&mut engine, "why", |s| matches!(body(s), Some(Body::Failed(why)) if why.contains("refused"))).await;
    world.change("a", |sim| sim.way = Way::Open);
    until(&mut engine, "read", |s| reads(s, "value: 0")).await;
}

fn tail(follow: bool) -> Request {
    let source = LogSource {
        pod: object(pod(), "pod-0"),
        container: Text::default(),
        follow,
        previous: false,
        timestamps: false,
        since_s: None,
        tail_lines: None,
    };
    Request::Logs(LogsRequest::Follow { id: RequestId(1), source })
}

#[tokio::test(start_paused = true)]
async fn a_tail_keeps_the_newest_lines_and_counts_the_rest() {
    let (world, mut engine) = live(4).await;
    let lines = LOG_LINES_MAX + 500;
    world.change("a", |sim| sim.logs = (0..lines).map(|n| compact_str::format_compact!("line {n}")).collect());
    ask(&engine, tail(true));
    let last = format!("line {}", lines - 1);
    let newest = |s: &Snapshot| s.logs.get(&RequestId(1)).and_then(|t| t.lines.last().cloned());
    let snapshot = until(&mut engine, "the newest", |s| newest(s).is_some_and(|line| *line == *last)).await;
    let tail = &snapshot.logs[&RequestId(1)];
    assert_eq!((tail.lines.len(), tail.dropped, &tail.state), (LOG_LINES_MAX, 500, &LogStreamState::Following));
    assert_eq!(tail.containers.as_ref(), ["main"]);
    // The connection breaks; what comes next is appended once.
    world.change("a", |sim| sim.way = Way::Refused);
    tokio::time::sleep(Duration::from_millis(100)).await;
    world.change("a", |sim| {
        sim.way = Way::Open;
        sim.logs.push(Text::const_new("after"));
    });
    let snapshot = until(&mut engine, "after", |s| newest(s).is_some_and(|line| &*line == "after")).await;
    let lines = &snapshot.logs[&RequestId(1)].lines;
    assert_eq!(lines.iter().filter(|line| ***line == *last).count(), 1, "no line twice");
    ask(&engine, Request::Logs(LogsRequest::Stop(RequestId(1))));
    until(&mut engine, "ended", |s| s.logs.is_empty()).await;
}

#[tokio::test(start_paused = true)]
async fn a_tail_that_cannot_be_taken_up_again_says_why() {
    let (world, mut engine) = live(5).await;
    ask(&engine, tail(false));
    until(&mut engine, "ended", |s| s.logs.values().any(|tail| tail.state == LogStreamState::Ended)).await;
    world.change("a", |sim| sim.broken = true);
    ask(&engine, tail(true));
    let failed =
        |s: &Snapshot| s.logs.values().any(|t| matches!(&t.state, LogStreamState::Failed(why) if why.contains("500")));
    until(&mut engine, "why", failed).await;
}

#[tokio::test(start_paused = true)]
async fn a_secret_is_handed_over_once_and_is_in_no_snapshot() {
    let (_world, mut engine) = live(6).await;
    let reveal = Reveal::default();
    let secret = object(KindId::new("", "Secret"), "token");
    ask(
        &engine,
        Request::Document(DocumentRequest::RevealSecret { id: RequestId(1), object: secret, reveal: reveal.clone() }),
    );
    let done = |s: &Snapshot| s.operations.get(&RequestId(1)).is_some_and(|o| o.progress == Progress::Done);
    let snapshot = until(&mut engine, "done", done).await;
    assert_eq!(reveal.text(), Some("secret of token"));
    assert!(!format!("{snapshot:?}").contains("secret of token"));
}

#[tokio::test(start_paused = true)]
async fn a_paused_cluster_keeps_its_rows_and_is_left_alone() {
    let (world, mut engine) = live(7).await;
    ask(&engine, Request::Cluster(ClusterRequest::Pause(vec![ClusterName::new("a")])));
    let snapshot = until(&mut engine, "paused", |s| *state(s, "a") == ClusterState::Paused).await;
    assert_eq!(snapshot.shards[&shard("a", &pod())].rows.len(), 3);
    tokio::time::sleep(Duration::from_millis(1)).await;
    assert_eq!(world.cluster("a").look(|sim| sim.watches), 0);
    let calls = world.cluster("a").look(|sim| sim.calls);
    tokio::time::sleep(Duration::from_secs(600)).await;
    assert_eq!(world.cluster("a").look(|sim| sim.calls), calls);
    ask(&engine, Request::Cluster(ClusterRequest::Connect(vec![ClusterName::new("a")])));
    until(&mut engine, "live", |s| *state(s, "a") == ClusterState::Live).await;
}

#[tokio::test(start_paused = true)]
async fn one_watch_too_many_says_so_and_the_one_left_first_makes_room() {
    let world = World::new(&["a"]);
    let mut settings = options(8);
    settings.fleet.watches_per_cluster = 1;
    let mut engine = world.start_with(settings);
    ask(&engine, subscribe(1, &["configmaps"], &["a"]));
    ask(&engine, subscribe(2, &["secrets"], &["a"]));
    let of = |s: &Snapshot, kind: &str| s.shards.get(&shard("a", &KindId::new("", kind))).map(|s| s.state.clone());
    let snapshot = until(&mut engine, "a bound", |s| {
        ["ConfigMap", "Secret"].iter().any(|kind| matches!(of(s, kind), Some(ShardState::Failed { .. })))
            && s.notices.iter().any(|notice| notice.text.contains("watches run"))
    })
    .await;
    let first = if of(&snapshot, "Secret") == Some(ShardState::Live) { 2 } else { 1 };
    ask(&engine, subscribe(first, &[], &["a"]));
    until(&mut engine, "room", |s| {
        let states = [of(s, "ConfigMap"), of(s, "Secret")];
        states.contains(&Some(ShardState::Live)) && states.contains(&None)
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn a_recording_written_and_read_again_shows_the_same() {
    let world = World::new(&["a"]);
    let recorder = Recorder::new(1_000);
    let mut settings = options(9);
    settings.recorder = Some(recorder.clone());
    let fleet = settings.fleet.clone();
    let mut engine = world.start_with(settings);
    let shown = until(&mut engine, "counted", |s| {
        s.clusters.values().any(|c| c.facts.pods_total == Some(3) && c.facts.warnings == Some(0))
    })
    .await;
    tokio::time::sleep(Duration::from_millis(500)).await;
    let (records, missed) = recorder.records();
    let text = to_lines(&fleet, &records).expect("observations are data");
    let (fleet, records) = from_lines(&text).expect("what was written can be read");
    let again = replay(fleet, records);
    assert_eq!((missed, again.at >= BEGIN), (0, true));
    let pods = |s: &Snapshot| Arc::clone(&s.shards[&shard("a", &pod())].rows);
    assert_eq!(pods(&shown), pods(&again));
    assert_eq!(*state(&again, "a"), ClusterState::Live);
}
