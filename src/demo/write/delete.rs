//! Deleting: at once, gracefully, or when the finalizers are done.

use jiff::SignedDuration;
use serde_json::{Value, json};

use super::super::json::{at, int, items, set, text};
use super::super::resource::Resource;
use super::super::status::Failure;
use super::super::store::{self, Store};
use super::{Context, Outcome, Place, is_terminating, raise_generation, resource_at};
use crate::demo::world::rfc3339;

/// The finalizers of the garbage collector.
pub(in crate::demo) const FOREGROUND: &str = "foregroundDeletion";
pub(in crate::demo) const ORPHAN: &str = "orphan";

/// Without the API nobody gets far: a real server refuses to delete these.
const IMMORTAL: &[&str] = &["default", "kube-system", "kube-public"];

/// How a pod that says nothing is asked to stop.
const GRACE_SECONDS: i64 = 30;

/// The fate of the objects that a deleted one owns.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(in crate::demo) enum Propagation {
    #[default]
    Background,
    Foreground,
    Orphan,
}

/// The options of a delete.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(in crate::demo) struct DeleteOptions {
    uid: Option<String>,
    resource_version: Option<String>,
    grace_seconds: Option<i64>,
    propagation: Propagation,
}

impl DeleteOptions {
    /// The options with which a controller deletes.
    pub(in crate::demo) fn background() -> Self {
        Self::default()
    }

    /// The options with which the garbage collector deletes, where an owner waits until its dependents are gone.
    pub(in crate::demo) fn foreground() -> Self {
        Self { propagation: Propagation::Foreground, ..Self::default() }
    }

    /// Reads `DeleteOptions` from the body; `query` are the parameters that may say the same. Fails for what is none.
    pub(in crate::demo) fn parse(body: &Value, query: (&str, &str)) -> Result<Self, Failure> {
        if !body.is_null() && (!body.is_object() || !matches!(text(body, "/kind"), "" | "DeleteOptions")) {
            return Err(Failure::bad_request("the body of a delete is a DeleteOptions object"));
        }
        let (grace, policy) = query;
        let own = |pointer: &str| Some(text(body, pointer).to_owned()).filter(|text| !text.is_empty());
        let policy = own("/propagationPolicy").unwrap_or_else(|| policy.to_owned());
        let propagation = match policy.as_str() {
            "" | "Background" => Propagation::Background,
            "Foreground" => Propagation::Foreground,
            "Orphan" => Propagation::Orphan,
            other => {
                let why = format!(
                    "Unsupported value: \"{other}\": supported values: \"Foreground\", \"Background\", \"Orphan\", \"nil\""
                );
                let cause = json!({"reason": "FieldValueNotSupported", "message": why, "field": "propagationPolicy"});
                return Err(Failure::invalid("DeleteOptions", "meta.k8s.io", "", &[cause]));
            }
        };
        let grace_seconds = body.get("gracePeriodSeconds").and_then(Value::as_i64).or_else(|| grace.parse().ok());
        if grace_seconds.is_some_and(|seconds| seconds < 0) {
            let cause = super::validate::negative("gracePeriodSeconds", grace_seconds.unwrap_or_default());
            return Err(Failure::invalid("DeleteOptions", "meta.k8s.io", "", &[cause]));
        }
        Ok(Self {
            uid: own("/preconditions/uid"),
            resource_version: own("/preconditions/resourceVersion"),
            grace_seconds,
            propagation,
        })
    }

    fn check(&self, resource: &Resource, object: &Value) -> Result<(), Failure> {
        let wanted = [("UID", "uid", &self.uid), ("ResourceVersion", "resourceVersion", &self.resource_version)];
        for (word, key, wanted) in wanted {
            let is = text(object, &format!("/metadata/{key}"));
            if let Some(wanted) = wanted.as_ref().filter(|wanted| *wanted != is) {
                let why = format!("Precondition failed: {word} in precondition: {wanted}, {word} in object meta: {is}");
                return Err(Failure::conflict(resource, text(object, "/metadata/name"), &why));
            }
        }
        Ok(())
    }
}

/// Deletes an object, or marks it for those who still have something to do before it goes. Fails where it is not there, is
/// not the one that is meant, or may not go.
pub(in crate::demo) fn delete(
    store: &mut Store,
    place: Place<'_>,
    options: &DeleteOptions,
    context: &mut Context<'_>,
) -> Result<Outcome, Failure> {
    let resource = resource_at(store, place.index)?;
    let key = store::key(place.namespace, place.name);
    let old = store.document(place.index, &key).ok_or_else(|| Failure::not_found(&resource, place.name))?;
    options.check(&resource, &old)?;
    if is(&resource, "namespaces") && IMMORTAL.contains(&place.name) {
        return Err(Failure::prohibited(&resource, place.name, "this namespace may not be deleted"));
    }
    let mut new = old.clone();
    let grace = grace(&resource, &old, options);
    add_finalizer(&mut new, options.propagation);
    let waits = grace > 0 || !items(&new, "/metadata/finalizers").is_empty() || is(&resource, "namespaces");
    if !waits {
        if !context.dry_run {
            store.remove(place.index, &key);
        }
        return Ok(Outcome::of(&resource, old, true, !context.dry_run));
    }
    mark(&resource, &mut new, grace, context);
    if new == old {
        return Ok(Outcome { object: new, is_gone: false, event: None });
    }
    Ok(super::keep(store, place.index, &resource, new, context))
}

fn is(resource: &Resource, plural: &str) -> bool {
    resource.group.is_empty() && resource.plural == plural
}

/// How long the kubelet may take. Only pods on a node have one to wait for.
fn grace(resource: &Resource, object: &Value, options: &DeleteOptions) -> i64 {
    let is_over = matches!(text(object, "/status/phase"), "Succeeded" | "Failed");
    if !is(resource, "pods") || text(object, "/spec/nodeName").is_empty() || is_over {
        return 0;
    }
    let own = at(object, "/spec/terminationGracePeriodSeconds").as_i64();
    let asked = options.grace_seconds.or(own).unwrap_or(GRACE_SECONDS).max(0);
    // A second delete may shorten the time, never lengthen it.
    if is_terminating(object) { asked.min(int(object, "/metadata/deletionGracePeriodSeconds")) } else { asked }
}

fn add_finalizer(object: &mut Value, propagation: Propagation) {
    let finalizer = match propagation {
        Propagation::Background => return,
        Propagation::Foreground => FOREGROUND,
        Propagation::Orphan => ORPHAN,
    };
    let mut finalizers = items(object, "/metadata/finalizers").to_vec();
    if !finalizers.iter().any(|one| one == finalizer) {
        finalizers.push(finalizer.into());
        set(object, "/metadata", "finalizers", finalizers.into());
    }
}

fn mark(resource: &Resource, object: &mut Value, grace: i64, context: &Context<'_>) {
    let is_first = !is_terminating(object);
    if is_first || int(object, "/metadata/deletionGracePeriodSeconds") > grace {
        let end = context.now + SignedDuration::from_secs(grace);
        set(object, "/metadata", "deletionTimestamp", rfc3339(end).into());
        set(object, "/metadata", "deletionGracePeriodSeconds", grace.into());
    }
    if is_first && int(object, "/metadata/generation") > 0 {
        raise_generation(object);
    }
    if is(resource, "namespaces") {
        set(object, "/status", "phase", "Terminating".into());
    }
}
