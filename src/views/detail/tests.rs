use super::*;
use crate::error::{ErrorKind, UserError};
use crate::model::cluster::{ClusterName, ClusterState};
use crate::model::kind::KindId;
use crate::protocol::Operation;
use crate::views::export::{style_runs, text};
use crate::views::fixture::{Fleet, act, context, drawn, requests};
use crate::views::theme::BUILT_IN;
use crate::views::{snapshot, theme_named};
use proptest::prelude::*;
use ratatui::style::Modifier;
use std::collections::BTreeMap;

fn key(kind: &str, name: &str) -> ObjectKey {
    ObjectKey {
        cluster: ClusterName::new("eu-west"),
        kind: KindId::new("", kind),
        namespace: "payments".into(),
        name: name.into(),
        uid: "u".into(),
    }
}

const POD: &str = "apiVersion: v1\nkind: Pod\nmetadata:\n  name: api-7d9f8c6b5d-8s2lq\n  namespace: payments\n  \
                   managedFields:\n  - manager: kubectl\n    operation: Apply\n  labels:\n    app: api\nspec:\n  \
                   containers:\n  - name: api\n    image: registry.example/api:1.4.2\n    ports:\n    - containerPort: 80\n  \
                   restartPolicy: Always\nstatus:\n  phase: Running\n";

const SECRET: &str = "apiVersion: v1\nkind: Secret\nmetadata:\n  name: db\ndata:\n  password: •••••• (12 bytes)\n";

fn fleet(object: &ObjectKey, body: Body) -> Snapshot {
    let document = Document { object: object.clone(), aspect: Aspect::Yaml, body };
    let base =
        Fleet::default().cluster("eu-west", ClusterState::Live).cluster("us-east", ClusterState::Live).snapshot();
    Snapshot { documents: Arc::new(BTreeMap::from([(RequestId(1), Arc::new(document))])), ..Snapshot::clone(&base) }
}

fn ready(text: &str) -> Body {
    Body::Ready(text.lines().map(Text::new).collect())
}

fn opened(object: &ObjectKey, snapshot: &Snapshot) -> Detail {
    let (mut detail, requests) = Detail::open(object.clone(), Aspect::Yaml, &RequestIds::from(1));
    assert!(matches!(requests.as_slice(), [Request::Document(DocumentRequest::Open { id: RequestId(1), .. })]));
    detail.feed(snapshot);
    detail
}

#[test]
fn each_state_fits_each_screen() {
    let object = key("Pod", "api-7d9f8c6b5d-8s2lq");
    let long: String = (0..200).map(|n| format!("  key-{n}: value {n}")).collect::<Vec<_>>().join("\n");
    for (state, body) in [
        ("fetching", Body::Fetching),
        ("ready", ready(POD)),
        ("overfull", ready(&format!("data:\n{long}"))),
        ("failed", Body::Failed("eu-west: pods \"api\" is forbidden; ask for get on pods in payments".into())),
        ("gone", Body::Gone(POD.lines().map(Text::new).collect())),
    ] {
        let snapshot_ = fleet(&object, body);
        let detail = opened(&object, &snapshot_);
        for size in [(80, 24), (120, 40), (40, 10)] {
            let name = format!("detail_{state}_{}x{}", size.0, size.1);
            snapshot(&name, &text(&drawn(&detail, &snapshot_, size, "mono")));
        }
    }
}

#[test]
fn its_colours_in_every_theme() {
    let object = key("Pod", "api-7d9f8c6b5d-8s2lq");
    let fleet = fleet(&object, ready(POD));
    let mut detail = opened(&object, &fleet);
    detail.search("api", &context(&fleet, &theme_named("mono"), (80, 24), &RequestIds::from(1)));
    for (theme, _) in BUILT_IN {
        snapshot(&format!("detail_style_{theme}"), &style_runs(&drawn(&detail, &fleet, (60, 12), theme)));
    }
}

#[test]
fn a_secret_is_decoded_once_and_forgotten_when_hidden() {
    let object = key("Secret", "db");
    let fleet = fleet(&object, ready(SECRET));
    let mut detail = opened(&object, &fleet);
    let ids = RequestIds::from(2);
    assert!(text(&drawn(&detail, &fleet, (80, 10), "mono")).contains("values masked"));
    let sent = requests(act(&mut detail, REVEAL, &fleet, &ids));
    let [Request::Document(DocumentRequest::RevealSecret { reveal, .. })] = sent.as_slice() else { panic!("{sent:?}") };
    reveal.fill("kind: Secret\nstringData:\n  password: hunter2\n".to_owned());
    detail.feed(&fleet);
    let shown = text(&drawn(&detail, &fleet, (80, 10), "mono"));
    assert!(shown.contains("hunter2") && shown.contains("values decoded"), "{shown}");
    assert!(!format!("{detail:?}").contains("hunter2"), "a secret must not reach a log");
    assert!(requests(act(&mut detail, REVEAL, &fleet, &ids)).is_empty());
    assert!(!text(&drawn(&detail, &fleet, (80, 10), "mono")).contains("hunter2"));
}

#[test]
fn a_refused_decoding_says_why() {
    let object = key("Secret", "db");
    let mut fleet = fleet(&object, ready(SECRET));
    let mut detail = opened(&object, &fleet);
    act(&mut detail, REVEAL, &fleet, &RequestIds::from(7));
    let progress = Progress::Failed(UserError::new(ErrorKind::Cluster, "secrets is forbidden"));
    let operation = Operation { what: "reveal".into(), cluster: None, progress };
    fleet.operations = Arc::new(BTreeMap::from([(RequestId(7), Arc::new(operation))]));
    detail.feed(&fleet);
    assert!(text(&drawn(&detail, &fleet, (100, 10), "mono")).contains("not decoded: secrets is forbidden"));
    assert_eq!(requests(act(&mut detail, REVEAL, &fleet, &RequestIds::from(8))).len(), 1, "it can be asked again");
}

#[test]
fn the_other_aspect_closes_the_first() {
    let object = key("Pod", "api");
    let fleet = fleet(&object, ready(POD));
    let mut detail = opened(&object, &fleet);
    let sent = requests(act(&mut detail, Action::DESCRIBE, &fleet, &RequestIds::from(5)));
    assert!(matches!(
        sent.as_slice(),
        [
            Request::Document(DocumentRequest::Close(RequestId(1))),
            Request::Document(DocumentRequest::Open { id: RequestId(5), .. })
        ]
    ));
    assert_eq!(detail.aspect, Aspect::Describe);
    assert!(requests(act(&mut detail, Action::DESCRIBE, &fleet, &RequestIds::from(6))).is_empty());
    assert!(act(&mut detail, REVEAL, &fleet, &RequestIds::from(6)).passed, "only Secrets have something to decode");
}

#[test]
fn escape_ends_the_search_before_the_view() {
    let object = key("Pod", "api");
    let fleet = fleet(&object, ready(POD));
    let mut detail = opened(&object, &fleet);
    detail.search("image", &context(&fleet, &theme_named("mono"), (80, 24), &RequestIds::from(1)));
    assert!(!act(&mut detail, Action::BACK, &fleet, &RequestIds::from(2)).close);
    assert!(act(&mut detail, Action::BACK, &fleet, &RequestIds::from(2)).close);
}

#[test]
fn what_is_deleted_looks_stale() {
    let object = key("Pod", "api");
    let fleet = fleet(&object, Body::Gone(POD.lines().map(Text::new).collect()));
    let buffer = drawn(&opened(&object, &fleet), &fleet, (80, 24), "mono");
    assert!(buffer.cell((5, 5)).unwrap().modifier.contains(Modifier::DIM));
}

proptest! {
    #[test]
    fn hostile_names_and_texts_stay_inside(name in ".{0,300}", line in ".{0,100}", columns in 0_u16..50, rows in 0_u16..8) {
        let object = key("Pod", &name);
        let fleet = fleet(&object, Body::Ready(Arc::from([Text::new(&line)])));
        let buffer = drawn(&opened(&object, &fleet), &fleet, (columns, rows), "mono");
        prop_assert!(buffer.content.iter().all(|c| !c.symbol().chars().any(char::is_control)));
    }
}
