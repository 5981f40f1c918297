//! Requests that change something: who may, what is asked, and what becomes of it.

use std::sync::Arc;

use http::header::CONTENT_TYPE;
use http::{HeaderMap, Method, Response, StatusCode};
use http_body_util::{BodyExt as _, LengthLimitError, Limited};
use hyper::body::{Bytes, Incoming};
use serde_json::{Value, json};

use super::super::json::text;
use super::super::patch::{PatchError, PatchType};
use super::super::resource::{Origin, Resource};
use super::super::status::Failure;
use super::super::write::{self, Context, DeleteOptions, Outcome, Place};
use super::query::Query;
use super::target::Objects;
use super::{ApiServer, Body, USER, document, header};
use crate::demo::world;

/// The longest request that is read, as in kube-apiserver.
const BODY_MAX: usize = 3 << 20;

/// A request with its body, read.
#[derive(Debug)]
pub(super) struct WriteRequest<'a> {
    pub(super) method: Method,
    pub(super) headers: &'a HeaderMap,
    pub(super) query: &'a Query,
    pub(super) body: Bytes,
}

/// Reads the body of a request. Fails where it is too large or cut.
pub(super) async fn body(body: Incoming) -> Result<Bytes, Failure> {
    let read = Limited::new(body, BODY_MAX).collect().await;
    read.map(http_body_util::Collected::to_bytes).map_err(|why| {
        if why.is::<LengthLimitError>() {
            Failure::too_much(BODY_MAX)
        } else {
            Failure::bad_request("the body of the request was cut")
        }
    })
}

/// The verb of RBAC that a method stands for; `None` for one that this server does not take here.
pub(super) fn verb(method: &Method, has_name: bool) -> Option<&'static str> {
    match (method.as_str(), has_name) {
        ("POST", false) => Some("create"),
        ("PUT", true) => Some("update"),
        ("PATCH", true) => Some("patch"),
        ("DELETE", true) => Some("delete"),
        _ => None,
    }
}

/// Answers a request that changes an object. Fails as the API server it plays would.
pub(super) fn write(
    server: &ApiServer,
    target: &Objects<'_>,
    (index, resource): (usize, &Arc<Resource>),
    request: &WriteRequest<'_>,
) -> Result<Response<Body>, Failure> {
    let verb = verb(&request.method, !target.name.is_empty()).ok_or_else(Failure::method_not_allowed)?;
    let is_served = resource.verbs().contains(&verb)
        && match target.subresource {
            "" => true,
            "status" | "scale" => resource.subresources.contains(&target.subresource) && verb != "delete",
            _ => false,
        };
    if !is_served {
        return Err(Failure::method_not_allowed());
    }
    if !server.member.allows(verb, &resource.plural, (resource.namespaced, target.namespace)) {
        return Err(Failure::forbidden(USER, verb, resource, target.namespace, target.name));
    }
    let options = (verb == "delete").then(|| options(request)).transpose()?;
    let asked = match &options {
        Some((_, dry_run)) => dry_run.as_str(),
        None => request.query.get("dryRun"),
    };
    let dry_run = match asked {
        "" => false,
        "All" => true,
        other => {
            let why = format!("Unsupported value: \"{other}\": supported values: \"All\"");
            let cause = json!({"reason": "FieldValueNotSupported", "message": why, "field": "dryRun"});
            return Err(Failure::invalid("PatchOptions", "meta.k8s.io", "", &[cause]));
        }
    };
    let mut store = server.store.write();
    let mut controllers = server.controllers.lock();
    let mut context = Context { now: server.clock.now(), rng: controllers.rng(), dry_run };
    let is_status = target.subresource == "status";
    let place = Place { index, namespace: target.namespace, name: target.name, is_status };
    if let Some(webhook) = server.member.webhook(verb, (resource.namespaced, target.namespace), dry_run) {
        // Admission is asked about objects that are there.
        let is_there = verb == "create"
            || store.collection(index).is_some_and(|all| all.get(target.namespace, target.name).is_some());
        if is_there {
            return Err(webhook);
        }
    }
    let outcome = match (verb, &options) {
        (_, Some((options, _))) => write::delete(&mut store, place, options, &mut context)?,
        ("create", None) => write::create(&mut store, place, json_body(&request.body)?, &mut context)?,
        (_, None) => {
            let change = Change::of(target, resource, request)?;
            write::update(&mut store, place, |old| change.apply(old), &mut context)?
        }
    };
    if let Some(event) = &outcome.event {
        serve_definition(&mut store, event);
        controllers.note(&store, event, server.started.elapsed());
        server.written.notify_one();
    }
    Ok(answer(verb, target.subresource, resource, &outcome))
}

/// The options of a delete, and its dry run: from the body, where there is one, and from the query only where there is none.
fn options(request: &WriteRequest<'_>) -> Result<(DeleteOptions, String), Failure> {
    if request.body.is_empty() {
        let of = |key: &str| request.query.get(key);
        let options = DeleteOptions::parse(&Value::Null, (of("gracePeriodSeconds"), of("propagationPolicy")))?;
        return Ok((options, of("dryRun").to_owned()));
    }
    let body = json_body(&request.body)?;
    let dry_run = text(&body, "/dryRun/0").to_owned();
    Ok((DeleteOptions::parse(&body, ("", ""))?, dry_run))
}

/// A new custom resource definition is served from then on.
fn serve_definition(store: &mut super::super::store::Store, event: &write::Event) {
    if event.resource.plural == "customresourcedefinitions"
        && !event.is_gone
        && let Some(resource) = world::resource_of(&event.object)
        && store.find(&resource.group, &resource.plural).is_none()
    {
        store.serve(resource);
    }
}

fn json_body(body: &Bytes) -> Result<Value, Failure> {
    serde_json::from_slice(body)
        .map_err(|why| Failure::bad_request(format!("error decoding the body of the request: {why}")))
}

/// The effect of an update on an object.
enum Change {
    Replace(Value),
    Patch(PatchType, Value),
    Scale(Box<Self>),
}

impl Change {
    fn of(target: &Objects<'_>, resource: &Resource, request: &WriteRequest<'_>) -> Result<Self, Failure> {
        let change = if request.method == Method::PUT {
            Self::Replace(json_body(&request.body)?)
        } else {
            let known = PatchType::of(header(request.headers, &CONTENT_TYPE));
            let is_custom = matches!(resource.origin, Origin::Custom(_));
            let known = known.filter(|known| !(is_custom && *known == PatchType::Strategic));
            Self::Patch(known.ok_or_else(Failure::unsupported_media_type)?, json_body(&request.body)?)
        };
        Ok(if target.subresource == "scale" { Self::Scale(Box::new(change)) } else { change })
    }

    fn apply(&self, old: &Value) -> Result<Value, Failure> {
        match self {
            Self::Replace(new) => {
                let sent = text(new, "/metadata/uid");
                let is = text(old, "/metadata/uid");
                if !sent.is_empty() && sent != is {
                    let what = format!("{} \"{}\"", text(old, "/kind").to_lowercase(), text(old, "/metadata/name"));
                    return Err(Failure::precondition(&what, sent, is));
                }
                Ok(new.clone())
            }
            Self::Patch(kind, patch) => kind.apply(old, patch).map_err(|why| match why {
                PatchError::Malformed(why) => Failure::bad_request(format!("error decoding patch: {why}")),
                PatchError::Inapplicable(why) => Failure::unprocessable(&why),
                PatchError::Unsupported => Failure::unsupported_media_type(),
            }),
            Self::Scale(change) => {
                let scale = change.apply(&write::scale_of(old))?;
                write::scaled(old, &scale)
            }
        }
    }
}

fn answer(verb: &str, subresource: &str, resource: &Resource, outcome: &Outcome) -> Response<Body> {
    let code = if verb == "create" { StatusCode::CREATED } else { StatusCode::OK };
    if subresource == "scale" {
        return document(code, &write::scale_of(&outcome.object));
    }
    // Pods come back whole; of all else that is gone the server only says so.
    if verb == "delete" && outcome.is_gone && resource.plural != "pods" {
        let details = json!({
            "name": text(&outcome.object, "/metadata/name"), "group": resource.group, "kind": resource.plural,
            "uid": text(&outcome.object, "/metadata/uid"),
        });
        let status =
            json!({"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Success", "details": details});
        return document(code, &status);
    }
    document(code, &outcome.object)
}
