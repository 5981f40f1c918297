//! The stream of readings: whatever changes, the whole is read again.

use super::config_map::{self, Objects};
use super::credential_pins::CredentialPins;
use super::{Loader, Source, listed};
use crate::config::yaml::Flaw;
use crate::engine::cluster::{Connector, Inventory, Listing};
use crate::engine::files::watch::PathWatch;
use crate::engine::k8s::endpoint::Endpoints;
use crate::engine::proxy::config::read::{ConfigErrors, Document, Listed, ParsedConfig};
use crate::model::cluster::ClusterEntry;
use futures::StreamExt as _;
use futures::stream::BoxStream;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{Notify, mpsc};
use tokio::time::Instant;
use tokio_util::task::AbortOnDropHandle;

/// Bound on readings that wait; only the newest matters, so few suffice.
const WAITING_MAX: usize = 2;

/// Longest wait for a hub at the start: rules may name its clusters.
const INVENTORY_WAIT: Duration = Duration::from_secs(10);

/// The inventory and the connections that readings depend on.
#[derive(Debug, Clone)]
pub struct LoadContext {
    /// Inventory of clusters.
    pub inventory: Arc<dyn Inventory>,
    /// Endpoints of the inventory's clusters, filled before each listing.
    pub endpoints: Endpoints,
    /// Connector to the home cluster, for a configuration in a ConfigMap.
    pub connector: Arc<dyn Connector>,
    /// Notified, on SIGHUP for example, to read everything again.
    pub nudge: Arc<Notify>,
}

/// Returns the stream of readings and refusals of a source: the first as soon as it is known, then one for each
/// change. It does not end; dropping it stops the watches.
pub fn readings(loader: Loader, ground: LoadContext) -> BoxStream<'static, Result<ParsedConfig, ConfigErrors>> {
    let (tx, rx) = mpsc::channel(WAITING_MAX);
    // Ends when the stream is dropped.
    let task = AbortOnDropHandle::new(tokio::spawn(run(loader, ground, tx)));
    let next = async |(mut rx, task): (mpsc::Receiver<_>, AbortOnDropHandle<()>)| {
        let reading = rx.recv().await?;
        Some((reading, (rx, task)))
    };
    Box::pin(futures::stream::unfold((rx, task), next))
}

/// Reads the present state of a source, for display: nothing is watched, and no credential is pinned.
///
/// Fails if the source cannot be read, or the configuration is refused.
pub async fn look(loader: &Loader, ground: &LoadContext) -> Result<ParsedConfig, ConfigErrors> {
    let whole = |message: String| whole(loader, &message);
    let mut listings = ground.inventory.entries(false);
    let fleet = first(&mut listings, &ground.endpoints).await;
    let (mut documents, _following) = follow(loader, ground, &fleet);
    let documents = documents.recv().await.unwrap_or_else(|| Err("the reading broke off".to_owned())).map_err(whole)?;
    let own = loader.clone();
    let read = blocking(move || Ok(own.read(&documents, &fleet.listed, fleet.current.as_deref()))).await;
    read.map_err(whole)?
}

/// The error of a source that cannot be read at all.
fn whole(loader: &Loader, why: &str) -> ConfigErrors {
    let file = loader.origin();
    // What the system says of a file begins with its name.
    let message = why.strip_prefix(&format!("{file}: ")).unwrap_or(why).to_owned();
    ConfigErrors { flaws: vec![Flaw { file, line: 0, message }] }
}

/// The part of the inventory that readings depend on.
#[derive(Debug, Clone, Default, PartialEq)]
struct InventoryView {
    listed: Vec<Listed>,
    current: Option<String>,
    home: Option<Arc<ClusterEntry>>,
}

impl InventoryView {
    fn of(listing: &Listing, endpoints: &Endpoints) -> Self {
        let is_current = |entry: &&Arc<ClusterEntry>| Some(&entry.name) == listing.current.as_ref();
        Self {
            listed: listed(listing, endpoints),
            current: listing.current.as_ref().map(ToString::to_string),
            home: listing.entries.iter().find(is_current).map(Arc::clone),
        }
    }
}

async fn run(loader: Loader, ground: LoadContext, tx: mpsc::Sender<Result<ParsedConfig, ConfigErrors>>) {
    let mut listings = ground.inventory.entries(false);
    let mut fleet = first(&mut listings, &ground.endpoints).await;
    let (mut documents, _following) = follow(&loader, &ground, &fleet);
    let mut bindings = PathWatch::new(vec![CredentialPins::file(loader.state())]);
    let mut last: Option<Vec<Document>> = None;
    let mut was_refused = false;
    loop {
        tokio::select! {
            Some(news) = documents.recv() => match news {
                Ok(news) => last = Some(news),
                Err(why) => {
                    if tx.send(Err(whole(&loader, &why))).await.is_err() {
                        return;
                    }
                    continue;
                }
            },
            Some(listing) = listings.next() => {
                let newer = InventoryView::of(&listing, &ground.endpoints);
                if newer == fleet {
                    continue;
                }
                fleet = newer;
            }
            // Somebody acknowledged where a credential may go.
            () = bindings.changed() => if !was_refused { continue },
            () = tx.closed() => return,
        }
        let Some(documents) = last.clone() else { continue };
        let loaded = load(&loader, documents, &fleet).await;
        was_refused = loaded.is_err();
        if tx.send(loaded).await.is_err() {
            return;
        }
    }
}

/// The first complete listing, or the present one after [`INVENTORY_WAIT`].
async fn first(listings: &mut BoxStream<'static, Listing>, endpoints: &Endpoints) -> InventoryView {
    let end = Instant::now() + INVENTORY_WAIT;
    let mut fleet = InventoryView::default();
    while let Ok(Some(listing)) = tokio::time::timeout_at(end, listings.next()).await {
        fleet = InventoryView::of(&listing, endpoints);
        if listing.pending.is_empty() {
            break;
        }
    }
    fleet
}

type News = Result<Vec<Document>, String>;

/// Starts to watch the documents.
fn follow(
    loader: &Loader,
    ground: &LoadContext,
    fleet: &InventoryView,
) -> (mpsc::Receiver<News>, AbortOnDropHandle<()>) {
    let (tx, rx) = mpsc::channel(WAITING_MAX);
    let nudge = Arc::clone(&ground.nudge);
    let task = match (loader.source().clone(), fleet.home.clone()) {
        (Source::ConfigMap { namespace, name, secret }, Some(home)) => {
            let objects = Objects { namespace, name, secret };
            let way = (Arc::clone(&ground.connector), home);
            tokio::spawn(config_map::run(objects, way, loader.kept(), nudge, tx))
        }
        (Source::ConfigMap { .. }, None) => tokio::spawn(async move {
            let why = "the ConfigMap is in the home cluster, and there is none: set a current context or --context";
            tx.send(Err(why.to_owned())).await.ok();
            tx.closed().await;
        }),
        (Source::Path(path), _) => tokio::spawn(follow_path(loader.clone(), PathWatch::new(vec![path]), nudge, tx)),
        (Source::Inventory, _) => tokio::spawn(async move {
            while tx.send(Ok(Vec::new())).await.is_ok() {
                nudge.notified().await;
            }
        }),
    };
    (rx, AbortOnDropHandle::new(task))
}

async fn follow_path(loader: Loader, mut watch: PathWatch, nudge: Arc<Notify>, tx: mpsc::Sender<News>) {
    let mut sent: Option<News> = None;
    let mut is_asked = true;
    loop {
        let own = loader.clone();
        let news = blocking(move || own.documents()).await;
        // One that was asked for is read again even if nothing changed: the answer is what was asked.
        if (is_asked || sent.as_ref() != Some(&news)) && tx.send(news.clone()).await.is_err() {
            return;
        }
        sent = Some(news);
        is_asked = tokio::select! {
            () = watch.changed() => false,
            () = nudge.notified() => true,
            () = tx.closed() => return,
        };
    }
}

async fn load(loader: &Loader, documents: Vec<Document>, fleet: &InventoryView) -> Result<ParsedConfig, ConfigErrors> {
    let (loader, fleet) = (loader.clone(), fleet.clone());
    let refused = loader.clone();
    let loaded = blocking(move || Ok(loader.load(&documents, &fleet.listed, fleet.current.as_deref())));
    loaded.await.unwrap_or_else(|message| Err(whole(&refused, &message)))
}

/// Runs `work` away from the runtime's workers: a folder may be on a network.
async fn blocking<T: Send + 'static>(work: impl FnOnce() -> Result<T, String> + Send + 'static) -> Result<T, String> {
    #[expect(clippy::disallowed_methods, reason = "reading files is what a source is for")]
    let task = tokio::task::spawn_blocking(work);
    // A join fails when the work panicked, or the runtime ends.
    task.await.unwrap_or_else(|_| Err("the reading broke off".to_owned()))
}
