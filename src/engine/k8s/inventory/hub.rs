//! Follows hubs: one discovery call, then list and watch of each kind of member object they serve.

mod discovery;
pub mod state;

use super::member::Member;
use super::member::apis::{APIS, Api};
use super::provider::HubAt;
use crate::engine::clock;
use crate::engine::cluster::ClusterError;
use crate::engine::k8s::client::{self, ClientContext, Connection};
use crate::engine::k8s::errors;
use crate::engine::resilience::backoff;
use crate::model::text::Text;
use futures::StreamExt as _;
use kube::api::{ApiResource, DynamicObject};
use kube::runtime::watcher::{Config, Error, Event, watcher};
use state::Update;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::mpsc;

/// Maximum number of members of one kind; a hub that lists more is cut here, with a warning.
pub const MEMBERS_MAX: usize = 5_000;

/// Seconds after which a watch is reopened, so that a dead connection is noticed.
const WATCH_S: u32 = 110;

/// Channel for the updates of all hubs, each with the number of its hub.
pub type Updates = mpsc::Sender<(usize, Update)>;

/// Follows a hub until the future is dropped or the receiver of `updates` is closed.
pub async fn follow(number: usize, hub: HubAt, surroundings: ClientContext, updates: Updates) {
    let mut rng = fastrand::Rng::with_seed(clock::seed());
    let limit = Duration::from_secs(u64::from(hub.endpoint.timeout_s.max(1)));
    let mut failures = 0;
    let (connection, apis) = loop {
        let why = match open(&hub, &surroundings).await {
            Ok(opened) => break opened,
            Err(why) => why,
        };
        failures += 1;
        if updates.send((number, Update::Unreached(text(&why)))).await.is_err() {
            return;
        }
        tokio::time::sleep(backoff::wait(failures, &mut rng)).await;
    };
    let served: Vec<usize> = apis.iter().map(|(api, _)| *api).collect();
    if updates.send((number, Update::Discovered(served))).await.is_err() {
        return;
    }
    let follow_each = apis.into_iter().filter_map(|(at, version)| {
        let one = Following { number, at, api: APIS.get(at)?, limit, updates: updates.clone() };
        Some(one.run(connection.client.clone(), version, fastrand::Rng::with_seed(rng.u64(..))))
    });
    futures::future::join_all(follow_each).await;
}

async fn open(hub: &HubAt, surroundings: &ClientContext) -> Result<(Connection, Vec<(usize, String)>), ClusterError> {
    let connection = client::build(&Arc::new(hub.endpoint.clone()), surroundings)?;
    let answer = connection.get("/apis", discovery::ACCEPT).await?;
    let groups = serde_json::from_slice(&answer).unwrap_or_default();
    Ok((connection, discovery::served(&groups)))
}

fn text(error: &ClusterError) -> Text {
    super::found::plain(&error.to_string())
}

/// The list and watch of one kind on one hub.
struct Following {
    number: usize,
    /// The index of `api`.
    at: usize,
    api: &'static Api,
    limit: Duration,
    updates: Updates,
}

impl Following {
    async fn run(self, client: kube::Client, version: String, mut rng: fastrand::Rng) {
        let resource = ApiResource {
            group: self.api.group.to_owned(),
            api_version: format!("{}/{version}", self.api.group),
            version,
            kind: self.api.kind.split('.').next().unwrap_or_default().to_owned(),
            plural: self.api.plural.to_owned(),
        };
        let api: kube::Api<DynamicObject> = kube::Api::all_with(client, &resource);
        let mut events = watcher(api, Config::default().timeout(WATCH_S)).boxed();
        let (mut listing, mut is_listed, mut failures) = (Vec::new(), false, 0);
        loop {
            // Once listed, the watcher itself notices a dead connection.
            let limit = if is_listed { Duration::from_secs(3600) } else { self.limit };
            let Ok(event) = tokio::time::timeout(limit, events.next()).await else {
                let why = format!("did not answer within {}s", limit.as_secs());
                if is_listed || self.send(Update::Failed(self.at, Text::from(why))).await {
                    continue;
                }
                return;
            };
            let update = match event {
                Some(Ok(event)) => {
                    failures = 0;
                    is_listed |= matches!(event, Event::InitDone);
                    self.on(event, &mut listing)
                }
                Some(Err(error)) => {
                    failures += 1;
                    let (update, is_final) = self.failed(&error);
                    // A watch that breaks off once is everyday life.
                    let is_news = is_final || !is_listed || failures >= 3;
                    if is_news && !self.send(update).await || is_final {
                        return;
                    }
                    tokio::time::sleep(backoff::wait(failures, &mut rng)).await;
                    None
                }
                None => return,
            };
            if let Some(update) = update
                && !self.send(update).await
            {
                return;
            }
        }
    }

    /// Returns true if the receiver of updates is still open.
    async fn send(&self, update: Update) -> bool {
        self.updates.send((self.number, update)).await.is_ok()
    }

    fn member(&self, object: DynamicObject) -> Option<Member> {
        let object = serde_json::to_value(object).ok()?;
        self.api.member(&object, clock::now())
    }

    fn on(&self, event: Event<DynamicObject>, listing: &mut Vec<Member>) -> Option<Update> {
        match event {
            Event::Init => {
                listing.clear();
                None
            }
            Event::InitApply(object) => {
                if listing.len() < MEMBERS_MAX {
                    listing.extend(self.member(object));
                }
                None
            }
            Event::InitDone => Some(Update::Listed(self.at, std::mem::take(listing))),
            Event::Apply(object) => self.member(object).map(|member| Update::Changed(self.at, Box::new(member))),
            Event::Delete(object) => self.member(object).map(|member| Update::Gone(self.at, Box::new(member))),
        }
    }

    /// Returns the update for a failure, and true if a retry is useless before a refresh.
    fn failed(&self, error: &Error) -> (Update, bool) {
        let cause = match error {
            Error::InitialListFailed(cause) | Error::WatchStartFailed(cause) | Error::WatchFailed(cause) => {
                errors::translate(cause)
            }
            Error::WatchError(status) => ClusterError::Failed(Text::from(status.message.as_str())),
            Error::NoResourceVersion => ClusterError::Failed(Text::const_new("the kind cannot be watched")),
        };
        match &cause {
            // Discovery of old servers does not say which kinds of a group there are.
            ClusterError::NotFound(_) => (Update::NotServed(self.at), true),
            ClusterError::Denied(_) => (Update::Failed(self.at, text(&cause)), true),
            ClusterError::Unreachable(_)
            | ClusterError::AuthNeeded(_)
            | ClusterError::Expired
            | ClusterError::Throttled { .. }
            | ClusterError::Failed(_) => (Update::Failed(self.at, text(&cause)), false),
        }
    }
}
