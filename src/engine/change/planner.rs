//! From an intent to a plan: each cluster is read, and asked what it would say to the change.

use super::clusters::{AT_ONCE, Clusters, Link, within};
use super::core::body::precondition;
use super::core::plan::{TARGETS_MAX, note, server_in_plan, target};
use super::probe::{Candidate, Probe};
use crate::engine::cluster::{Answer, ClusterError, Form, Query};
use crate::engine::journal::redact::redact;
use crate::error::{ErrorKind, UserError};
use crate::model::change::plan::SCHEMA;
use crate::model::change::{
    FindingKind, Intent, ObjectQuery, OperationId, Plan, PlanCluster, Selection, Target, TargetKey, Verb, file,
};
use crate::model::cluster::ClusterEntry;
use crate::model::kind::{Catalog, Kind};
use crate::model::name::Name;
use crate::model::object::ObjectKey;
use crate::model::text::Text;
use crate::model::time::UnixSeconds;
use futures::StreamExt as _;
use serde_json::Value;
use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

/// A plan, and what it could not take in.
#[derive(Debug, Clone, PartialEq)]
pub struct Planned {
    /// The plan.
    pub plan: Plan,
    /// Objects that were named and that no cluster has, as `pod/api`; kinds that none serves.
    pub missing: Vec<String>,
    /// Kinds that were named and do not take the verb.
    pub unfit: Vec<String>,
}

/// The name and the moment of a plan.
#[derive(Debug, Clone)]
pub struct Stamp {
    /// Id of the plan.
    pub id: OperationId,
    /// Time of the plan.
    pub now: UnixSeconds,
}

/// The part of a plan that one cluster brings.
#[derive(Debug)]
struct Part {
    cluster: PlanCluster,
    targets: Vec<Target>,
    /// Words of the query that this cluster has objects of, or cannot say.
    found: Vec<String>,
    unfit: Vec<String>,
}

/// Makes a plan. Fails where it has more targets than anybody reads.
pub async fn plan(clusters: &Clusters, intent: &Intent, stamp: Stamp) -> Result<Planned, UserError> {
    let parts = futures::stream::iter(&clusters.entries).map(|entry| part(clusters, entry, intent));
    let parts: Vec<Part> = parts.buffered(clusters.concurrency.max(1)).boxed().collect().await;
    let asked = words(&intent.selection);
    let is_found = |word: &String| parts.iter().any(|part| part.found.contains(word));
    let missing = asked.into_iter().filter(|word| !is_found(word)).collect();
    let mut unfit: Vec<String> = parts.iter().flat_map(|part| part.unfit.iter().cloned()).collect();
    unfit.sort();
    unfit.dedup();
    let (clusters, targets): (Vec<_>, Vec<_>) = parts.into_iter().map(|part| (part.cluster, part.targets)).unzip();
    let targets: Vec<Target> = targets.into_iter().flatten().collect();
    if targets.len() > TARGETS_MAX {
        let why = format!("{} objects are more than the {TARGETS_MAX} of one plan", targets.len());
        return Err(UserError::new(ErrorKind::Refused, why).hint("choose fewer with -n, -l or --clusters"));
    }
    let plan = Plan {
        api_version: Text::const_new(file::API_VERSION),
        kind: Text::const_new(file::KIND),
        schema: SCHEMA,
        id: stamp.id,
        made_at: stamp.now,
        change: intent.change.clone(),
        options: intent.options.clone(),
        hidden_marks: intent.hidden_marks,
        clusters,
        targets,
        digest: Text::default(),
    };
    Ok(Planned { plan: file::seal(plan), missing, unfit })
}

/// The words of a selection of which each must mean something somewhere.
fn words(selection: &Selection) -> Vec<String> {
    match selection {
        Selection::Objects(keys) => keys.iter().map(key_word).collect(),
        Selection::Query(query) => {
            let kinds = query.kinds.iter();
            kinds
                .flat_map(|(kind, names)| if names.is_empty() { vec![kind.to_string()] } else { named(kind, names) })
                .collect()
        }
    }
}

fn named(kind: &str, names: &[Text]) -> Vec<String> {
    names.iter().map(|name| format!("{kind}/{name}")).collect()
}

fn key_word(key: &ObjectKey) -> String {
    format!("{}: {}/{}", key.cluster, key.kind, key.name)
}

async fn part(clusters: &Clusters, entry: &Arc<ClusterEntry>, intent: &Intent) -> Part {
    let mut part = Part {
        cluster: PlanCluster {
            name: entry.name.clone(),
            server: server_in_plan(&entry.server),
            uid: Text::default(),
            access: entry.access,
            kinds: Vec::new(),
            problem: None,
        },
        targets: Vec::new(),
        found: Vec::new(),
        unfit: Vec::new(),
    };
    if let Err(why) = fill(&mut part, clusters, entry, intent).await {
        part.cluster.problem = Some(redact(&why.to_string()));
        // Whoever does not answer may have it.
        part.found = words(&intent.selection);
        part.targets.clear();
    }
    part
}

async fn fill(
    part: &mut Part,
    clusters: &Clusters,
    entry: &Arc<ClusterEntry>,
    intent: &Intent,
) -> Result<(), ClusterError> {
    let timeout = Duration::from_secs(u64::from(intent.options.timeout_s));
    let link = Link::connect(clusters, entry, timeout).await?;
    let (uid, catalog) = futures::future::join(link.uid(), within(timeout, link.cluster.discover())).await;
    part.cluster.uid = uid?;
    let catalog = catalog?;
    let reader = Reader { link: &link, entry, intent, catalog: &catalog };
    let mut read = Read::default();
    match &intent.selection {
        Selection::Objects(keys) => reader.objects(keys, &mut read).await?,
        Selection::Query(query) => reader.query(query, &mut read).await?,
    }
    part.found = read.found;
    part.unfit = read.unfit;
    part.cluster.kinds = read.kinds.into_iter().map(bare).collect();
    let probe = Probe { link: &link, change: &intent.change, kinds: &part.cluster.kinds, access: entry.access };
    probe.examine(&mut read.candidates).await;
    part.targets = read.candidates.into_iter().map(|candidate| candidate.target).collect();
    Ok(())
}

/// A kind without what only a typed name needs.
fn bare(kind: Kind) -> Kind {
    Kind { short_names: Vec::new(), categories: Vec::new(), verbs: Vec::new(), ..kind }
}

/// The objects that were read of one cluster.
#[derive(Debug, Default)]
struct Read {
    candidates: Vec<Candidate>,
    keys: BTreeSet<TargetKey>,
    kinds: Vec<Kind>,
    found: Vec<String>,
    unfit: Vec<String>,
}

impl Read {
    fn add(&mut self, intent: &Intent, link: &Link, kind: &Kind, object: &Value) {
        let Some(target) = target(&intent.change, &link.name, kind, object) else { return };
        if !self.keys.insert(target.key.clone()) {
            return;
        }
        if !self.kinds.iter().any(|known| known.id == kind.id) {
            self.kinds.push(kind.clone());
        }
        self.candidates.push(Candidate { target, precondition: precondition(object), was_asked: false });
    }
}

/// Reads the objects of one cluster.
struct Reader<'a> {
    link: &'a Link,
    entry: &'a ClusterEntry,
    intent: &'a Intent,
    catalog: &'a Catalog,
}

impl Reader<'_> {
    fn verb(&self) -> Verb {
        self.intent.change.verb()
    }

    /// Reads exactly these objects; one that has another uid has moved.
    async fn objects(&self, keys: &[ObjectKey], read: &mut Read) -> Result<(), ClusterError> {
        let own = keys.iter().filter(|key| key.cluster == self.link.name);
        let wanted: Vec<(&ObjectKey, Kind)> =
            own.filter_map(|key| Some((key, self.catalog.get(&key.kind)?.clone()))).collect();
        let reads = wanted.iter().map(|(key, kind)| async move {
            let target = TargetKey {
                cluster: key.cluster.clone(),
                kind: key.kind.clone(),
                namespace: key.namespace.clone(),
                name: key.name.clone(),
                uid: key.uid.clone(),
            };
            (*key, kind, self.link.read(kind, &target).await)
        });
        let answers: Vec<_> = futures::stream::iter(reads).buffered(AT_ONCE).boxed().collect().await;
        for (key, kind, answer) in answers {
            let Some(object) = answer? else { continue };
            read.found.push(key_word(key));
            if !self.verb().takes(kind) {
                read.unfit.push(kind.resource());
                continue;
            }
            read.add(self.intent, self.link, kind, &object);
            if let Some(last) = read.candidates.last_mut()
                && !key.uid.is_empty()
                && last.target.key.name == key.name
                && last.target.key.uid != key.uid
            {
                note(&mut last.target, FindingKind::Moved, "it was deleted and made again since it was marked");
            }
        }
        Ok(())
    }

    async fn query(&self, query: &ObjectQuery, read: &mut Read) -> Result<(), ClusterError> {
        for (typed, names) in &query.kinds {
            let kinds: Vec<&Kind> = match self.catalog.find(typed) {
                Some(kind) => vec![kind],
                None => self.catalog.category(typed).filter(|kind| kind.can("list") && kind.can("delete")).collect(),
            };
            for kind in kinds {
                if !self.verb().takes(kind) {
                    read.unfit.push(kind.resource());
                    read.found.push(typed.to_string());
                    read.found.extend(named(typed, names));
                    continue;
                }
                if names.is_empty() {
                    read.found.push(typed.to_string());
                    self.list(query, kind, None, read).await?;
                }
                for name in names {
                    if self.list(query, kind, Some(name), read).await? {
                        read.found.push(format!("{typed}/{name}"));
                    }
                }
            }
        }
        Ok(())
    }

    /// Says whether there is one.
    async fn list(
        &self,
        query: &ObjectQuery,
        kind: &Kind,
        name: Option<&Text>,
        read: &mut Read,
    ) -> Result<bool, ClusterError> {
        let valid =
            |text: &str| Name::new(text).map_err(|why| ClusterError::Failed(Text::from(format!("{text:?} {why}"))));
        let namespace = match (&query.namespace, query.all_namespaces) {
            (_, true) => None,
            (Some(namespace), false) => Some(valid(namespace)?),
            (None, false) => Some(valid(&self.entry.own_namespace())?),
        };
        let question = Query {
            kind: kind.clone(),
            namespace,
            name: name.map(|name| valid(name)).transpose()?,
            selector: query.selector.clone(),
            fields: Text::default(),
            form: Form::Objects { managed_fields: false },
        };
        // A list comes in pages, each with a deadline of its own.
        let answer = match self.link.cluster.query(question).await {
            Err(ClusterError::NotFound(_)) if name.is_some() => return Ok(false),
            other => other?,
        };
        let Answer::Objects(objects) = answer else { return Ok(false) };
        if objects.len().saturating_add(read.candidates.len()) > TARGETS_MAX {
            let why = format!("more than {TARGETS_MAX} objects: choose fewer with -n or -l");
            return Err(ClusterError::Failed(Text::from(why)));
        }
        for object in &objects {
            read.add(self.intent, self.link, kind, &object.value());
        }
        Ok(!objects.is_empty())
    }
}
