//! Changes of a simulated cluster: what real API servers do with them, and their faults.

#![expect(clippy::indexing_slicing, reason = "an index that misses is a failed test")]

use super::cluster::{Place, Sim, SimCluster, Way};
use futures::future::BoxFuture;
use quarterdeck::engine::cluster::{
    AccessAnswer, AccessQuestion, Answer, ClusterError, ClusterWriter, ObjectText, Preconditions, Query, WriteBody,
    WriteError, WriteRequest, WriteTarget,
};
use quarterdeck::model::kind::KindId;
use quarterdeck::model::text::Text;
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::time::Duration;

/// What happens to the next write, instead of what should.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum WriteFault {
    /// The connection breaks before the server has the change.
    CutBefore,
    /// The server does it, and the connection breaks before the answer.
    CutAfter,
    /// The server does it, and dies.
    DiesAfter,
    /// Nothing is done and nothing is heard of it.
    Dies,
    /// The server does it, and no answer ever comes.
    Late,
    Fails(WriteError),
}

/// One write that the server did.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Written {
    pub(crate) verb: &'static str,
    pub(crate) kind: KindId,
    pub(crate) place: Place,
    pub(crate) uid: String,
}

/// What a cluster remembers for writers.
#[derive(Debug, Default)]
pub(crate) struct Writes {
    /// Whole objects, of those somebody read or wrote.
    documents: BTreeMap<(KindId, Place), Value>,
    /// How often an object of this name was made.
    births: BTreeMap<(KindId, Place), u32>,
    /// One for each write, dry runs too, oldest first.
    pub(crate) faults: VecDeque<WriteFault>,
    /// In order; dry runs are not among them.
    pub(crate) done: Vec<Written>,
    pub(crate) dry_runs: u32,
    /// Requests that reached the server.
    pub(crate) received: u32,
    pub(crate) reviews: u32,
    /// (verb, plural) that RBAC does not allow.
    pub(crate) forbidden: BTreeSet<(Text, Text)>,
    version: u64,
}

impl Writes {
    /// An object of this name is new.
    pub(crate) fn born(&mut self, kind: &KindId, place: &Place) {
        *self.births.entry((kind.clone(), place.clone())).or_default() += 1;
        self.documents.remove(&(kind.clone(), place.clone()));
    }

    pub(crate) fn gone(&mut self, kind: &KindId, place: &Place) {
        self.documents.remove(&(kind.clone(), place.clone()));
    }

    /// Somebody else changed the object.
    pub(crate) fn touched(&mut self, kind: &KindId, place: &Place) {
        self.version += 1;
        let version = self.version.to_string();
        if let Some(document) = self.documents.get_mut(&(kind.clone(), place.clone())) {
            document["metadata"]["resourceVersion"] = version.into();
        }
    }

    fn document(&mut self, kind: &KindId, place: &Place) -> &mut Value {
        let key = (kind.clone(), place.clone());
        let births = self.births.get(&key).copied().unwrap_or(1);
        let uid =
            if births > 1 { format!("{}/{}#{births}", place.0, place.1) } else { format!("{}/{}", place.0, place.1) };
        let version = self.version.to_string();
        self.documents.entry(key).or_insert_with(|| {
            let api_version = if kind.group.is_empty() { "v1".to_owned() } else { format!("{}/v1", kind.group) };
            json!({
                "apiVersion": api_version, "kind": kind.kind.as_str(),
                "metadata": {"name": place.1.as_str(), "namespace": place.0.as_str(), "uid": uid,
                    "resourceVersion": version, "generation": 1},
                "spec": {"replicas": 1},
                "status": {"observedGeneration": 1, "replicas": 1, "updatedReplicas": 1, "availableReplicas": 1},
            })
        })
    }
}

impl Sim {
    /// Changes the whole object of a place, as another client would.
    pub(crate) fn edit(&mut self, kind: &KindId, namespace: &str, name: &str, edit: impl FnOnce(&mut Value)) {
        let place = (Text::new(namespace), Text::new(name));
        assert!(self.objects.get(kind).is_some_and(|all| all.contains_key(&place)), "there is no {name}");
        edit(self.writes.document(kind, &place));
        self.writes.touched(kind, &place);
    }

    /// Whole objects, of one name or of all in a namespace.
    pub(crate) fn answer(&mut self, query: &Query) -> Result<Answer, ClusterError> {
        let kind = query.kind.id.clone();
        let is_meant = |(namespace, name): &&Place| {
            let in_it = query.namespace.as_ref().is_none_or(|n| !query.kind.namespaced || namespace == n.as_str());
            in_it && query.name.as_ref().is_none_or(|wanted| name == wanted.as_str())
        };
        let places: Vec<Place> =
            self.objects.get(&kind).into_iter().flat_map(BTreeMap::keys).filter(is_meant).cloned().collect();
        if let (Some(name), true) = (&query.name, places.is_empty()) {
            let missing = compact_str::format_compact!("{} \"{name}\" not found", query.kind.plural);
            return Err(ClusterError::NotFound(missing));
        }
        let objects = places.iter().map(|place| ObjectText::from(&*self.writes.document(&kind, place)));
        Ok(Answer::Objects(objects.collect()))
    }

    fn found(&mut self, target: &WriteTarget) -> Result<(KindId, Place), Text> {
        let kind = target.kind.id.clone();
        let namespace = target.namespace.as_ref().filter(|_| target.kind.namespaced);
        let place = (namespace.map(|n| Text::new(n.as_str())).unwrap_or_default(), Text::new(target.name.as_str()));
        let is_there = self.objects.get(&kind).is_some_and(|all| all.contains_key(&place));
        let missing = compact_str::format_compact!("{} \"{}\" not found", target.kind.plural, target.name);
        if is_there { Ok((kind, place)) } else { Err(missing) }
    }

    /// What a healthy API server does with a write.
    fn apply(&mut self, request: &WriteRequest) -> Result<Value, WriteError> {
        let verb = match request.body {
            WriteBody::Delete(_) => "delete",
            WriteBody::MergePatch(_) | WriteBody::JsonPatch(_) => "patch",
            WriteBody::Create(_) => "create",
        };
        let plural = &request.target.kind.plural;
        if self.writes.forbidden.contains(&(Text::new(verb), plural.clone())) {
            return Err(WriteError::Denied(compact_str::format_compact!("{plural} is forbidden: cannot {verb}")));
        }
        if let WriteBody::Create(_) = request.body {
            return Err(WriteError::Refused(Text::const_new("a simulated cluster creates nothing")));
        }
        let (kind, place) = self.found(&request.target).map_err(WriteError::NotFound)?;
        let before = self.writes.document(&kind, &place).clone();
        check(&before, &request.preconditions)?;
        let mut after = before.clone();
        match &request.body {
            WriteBody::MergePatch(patch) => merge(&mut after, patch),
            WriteBody::Delete(_) => {
                after["metadata"]["deletionTimestamp"] = "2027-01-15T08:00:00Z".into();
            }
            WriteBody::JsonPatch(_) | WriteBody::Create(_) => {
                return Err(WriteError::Refused(Text::const_new("a simulated cluster takes merge patches")));
            }
        }
        if after["spec"]["replicas"].as_i64().is_some_and(|n| n < 0) {
            return Err(WriteError::Invalid(Text::const_new("spec.replicas: must be greater than or equal to 0")));
        }
        if request.dry_run {
            self.writes.dry_runs += 1;
            return Ok(after);
        }
        if after["spec"] != before["spec"] {
            let generation = before["metadata"]["generation"].as_i64().unwrap_or(0) + 1;
            after["metadata"]["generation"] = generation.into();
            after["status"]["observedGeneration"] = generation.into();
            for count in ["replicas", "updatedReplicas", "availableReplicas"] {
                after["status"][count] = after["spec"]["replicas"].clone();
            }
        }
        let uid = before["metadata"]["uid"].as_str().unwrap_or_default().to_owned();
        let has_finalizers = before["metadata"]["finalizers"].as_array().is_some_and(|all| !all.is_empty());
        let goes = matches!(request.body, WriteBody::Delete(_)) && !has_finalizers;
        self.writes.done.push(Written { verb, kind: kind.clone(), place: place.clone(), uid });
        if goes {
            self.delete(&kind, &place.0, &place.1);
            return Ok(json!({"kind": "Status", "status": "Success"}));
        }
        *self.writes.document(&kind, &place) = after;
        // Watches are told of it with the value it has.
        let value = self.objects.get(&kind).and_then(|objects| objects.get(&place)).copied();
        self.note(&kind, place.clone(), value);
        Ok(self.writes.document(&kind, &place).clone())
    }
}

fn check(object: &Value, preconditions: &Preconditions) -> Result<(), WriteError> {
    for (key, wanted) in [("uid", &preconditions.uid), ("resourceVersion", &preconditions.resource_version)] {
        let is = object["metadata"][key].as_str().unwrap_or_default();
        if wanted.as_ref().is_some_and(|wanted| wanted != is) {
            let why = compact_str::format_compact!("the object has been modified: {key} is {is}");
            return Err(WriteError::Conflict(why));
        }
    }
    Ok(())
}

/// RFC 7386.
fn merge(target: &mut Value, patch: &Value) {
    let Value::Object(fields) = patch else {
        *target = patch.clone();
        return;
    };
    if !target.is_object() {
        *target = json!({});
    }
    for (key, value) in fields {
        if value.is_null() {
            target.as_object_mut().expect("an object").remove(key);
        } else {
            merge(&mut target[key], value);
        }
    }
}

fn lost(why: &'static str) -> WriteError {
    WriteError::Unknown(Text::const_new(why))
}

impl SimCluster {
    async fn written(&self, request: WriteRequest) -> Result<Value, WriteError> {
        let deadline = request.deadline.unwrap_or(Duration::from_secs(30));
        let latency = self.look(|sim| sim.latency);
        if !latency.is_zero() {
            tokio::time::sleep(latency).await;
        }
        match self.look(|sim| sim.way) {
            Way::Open => {}
            Way::Refused => return Err(WriteError::NotSent(Text::const_new("connection refused"))),
            Way::Silent => {
                tokio::time::sleep(deadline).await;
                return Err(lost("timed out"));
            }
        }
        let result = self.change(|sim| {
            let fault = sim.writes.faults.pop_front();
            sim.writes.received += 1;
            let done = match &fault {
                None | Some(WriteFault::CutAfter | WriteFault::DiesAfter | WriteFault::Late) => {
                    Some(sim.apply(&request))
                }
                Some(WriteFault::CutBefore | WriteFault::Dies | WriteFault::Fails(_)) => None,
            };
            if matches!(fault, Some(WriteFault::Dies | WriteFault::DiesAfter)) {
                sim.way = Way::Refused;
            }
            (fault, done)
        });
        match result {
            (None, Some(done)) => done,
            (Some(WriteFault::Fails(error)), _) => Err(error),
            (Some(WriteFault::Late), _) => {
                tokio::time::sleep(deadline).await;
                Err(lost("timed out"))
            }
            _ => Err(lost("the connection was closed before the answer came")),
        }
    }
}

impl ClusterWriter for SimCluster {
    fn read(&self, target: WriteTarget) -> BoxFuture<'_, Result<Value, ClusterError>> {
        Box::pin(self.call(move |sim| {
            let (kind, place) = sim.found(&target).map_err(ClusterError::NotFound)?;
            Ok(sim.writes.document(&kind, &place).clone())
        }))
    }

    fn write(&self, request: WriteRequest) -> BoxFuture<'_, Result<Value, WriteError>> {
        Box::pin(self.written(request))
    }

    fn review(&self, question: AccessQuestion) -> BoxFuture<'_, Result<AccessAnswer, ClusterError>> {
        Box::pin(self.call(move |sim| {
            sim.writes.reviews += 1;
            let allowed = !sim.writes.forbidden.contains(&(question.verb, question.resource));
            Ok(AccessAnswer { allowed, reason: Text::default() })
        }))
    }
}

#[cfg(test)]
mod tests {
    use super::super::cluster::{kind, pod};
    use super::*;
    use quarterdeck::engine::cluster::DeleteOptions;
    use quarterdeck::model::cluster::ClusterName;
    use quarterdeck::model::name::Name;

    fn target() -> WriteTarget {
        WriteTarget {
            cluster: ClusterName::new("a"),
            kind: kind("", "Pod", "pods", true),
            namespace: Name::new("ns-0").ok(),
            name: Name::new("pod-0").expect("a name"),
            subresource: None,
        }
    }

    fn delete(uid: &str) -> WriteRequest {
        WriteRequest {
            target: target(),
            body: WriteBody::Delete(DeleteOptions::default()),
            preconditions: Preconditions { uid: Some(uid.into()), resource_version: None },
            dry_run: false,
            deadline: Some(Duration::from_secs(5)),
        }
    }

    #[tokio::test(start_paused = true)]
    async fn an_object_that_was_made_again_is_another_one() {
        let cluster = SimCluster::new("a");
        let uid = async || cluster.read(target()).await.expect("it is there")["metadata"]["uid"].clone();
        let first = uid().await;
        cluster.change(|sim| {
            sim.delete(&pod(), "ns-0", "pod-0");
            sim.put(&pod(), "ns-0", "pod-0", 1);
        });
        assert_ne!(uid().await, first);
        let error = cluster.write(delete(first.as_str().expect("a text"))).await.expect_err("it is another one");
        assert!(matches!(error, WriteError::Conflict(_)), "{error}");
        let second = uid().await;
        assert!(cluster.write(delete(second.as_str().expect("a text"))).await.is_ok());
        assert!(matches!(cluster.read(target()).await, Err(ClusterError::NotFound(_))));
    }

    #[tokio::test(start_paused = true)]
    async fn faults_tell_what_is_known_and_do_what_they_say() {
        let cluster = SimCluster::new("a");
        let patch = || WriteRequest {
            body: WriteBody::MergePatch(json!({"spec": {"replicas": 3}})),
            preconditions: Preconditions::default(),
            ..delete("")
        };
        let cases = [
            (WriteFault::CutBefore, 0, false),
            (WriteFault::CutAfter, 1, false),
            (WriteFault::Late, 2, false),
            (WriteFault::Fails(WriteError::Conflict("no".into())), 2, true),
            (WriteFault::DiesAfter, 3, false),
        ];
        for (fault, done, certain) in cases {
            cluster.change(|sim| sim.writes.faults.push_back(fault.clone()));
            let error = cluster.write(patch()).await.expect_err("it is a fault");
            assert_eq!((cluster.look(|sim| sim.writes.done.len()), error.is_certain()), (done, certain), "{fault:?}");
        }
        assert!(matches!(cluster.write(patch()).await, Err(WriteError::NotSent(_))), "it is dead");
        cluster.change(Sim::heal);
        assert_eq!(cluster.read(target()).await.expect("it is back")["spec"]["replicas"], 3);
    }

    #[tokio::test(start_paused = true)]
    async fn a_change_of_somebody_else_is_a_conflict_and_finalizers_hold() {
        let cluster = SimCluster::new("a");
        let before = cluster.read(target()).await.expect("it is there");
        cluster.change(|sim| {
            sim.edit(&pod(), "ns-0", "pod-0", |object| object["metadata"]["finalizers"] = json!(["example.com/a"]));
        });
        let version = before["metadata"]["resourceVersion"].as_str().map(Text::new);
        let preconditions = Preconditions { uid: None, resource_version: version };
        let error = cluster.write(WriteRequest { preconditions, ..delete("") }).await.expect_err("it was changed");
        assert!(matches!(error, WriteError::Conflict(_)), "{error}");
        let left = cluster.write(WriteRequest { preconditions: Preconditions::default(), ..delete("") }).await;
        assert!(left.expect("it is marked")["metadata"]["deletionTimestamp"].is_string());
        assert!(cluster.read(target()).await.is_ok(), "it is held");
        cluster.change(|sim| sim.writes.faults.push_back(WriteFault::Dies));
        let error = cluster.write(delete("")).await.expect_err("it dies");
        assert!(!error.is_certain());
        assert!(matches!(cluster.read(target()).await, Err(ClusterError::Unreachable(_))));
    }
}
