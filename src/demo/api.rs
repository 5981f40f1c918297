//! One simulated API server: from a request to its response.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use http::header::{ACCEPT, AUTHORIZATION, CACHE_CONTROL, CONTENT_TYPE, RETRY_AFTER};
use http::{HeaderMap, Method, Request, Response, StatusCode};
use http_body_util::{BodyExt as _, Full, combinators::UnsyncBoxBody};
use hyper::body::{Bytes, Incoming};
use parking_lot::{Mutex, RwLock};
use serde_json::{Value, json};
use tokio::sync::{Notify, watch};
use tokio::time::Instant;

use super::fault::{Fault, Faults};
use super::member::Member;
use super::resource::Resource;
use super::status::Failure;
use super::store::Store;
use super::world::Controllers;
use super::{Clock, Requested};

mod accept;
mod authorization;
mod discovery;
mod list;
mod log;
mod query;
mod render;
mod target;
mod watching;
mod write;

use accept::Form;
use query::Query;
use target::Target;

/// The last requests kept per cluster for tests to look at.
const REQUESTS: usize = 4_096;

/// A body that may be cut in the middle, as a broken connection cuts it.
pub(super) type Body = UnsyncBoxBody<Bytes, std::io::Error>;

/// One simulated cluster: its objects, its faults, and what was asked of it.
#[derive(Debug)]
pub(super) struct ApiServer {
    pub(super) member: Member,
    pub(super) token: String,
    pub(super) port: u16,
    pub(super) clock: Clock,
    pub(super) store: RwLock<Store>,
    pub(super) faults: watch::Sender<Faults>,
    pub(super) requests: Mutex<Requests>,
    /// The controllers, which follow writes. Locked after the store, where both are.
    pub(super) controllers: Mutex<Controllers>,
    /// Somebody wrote.
    pub(super) written: Notify,
    pub(super) started: Instant,
}

/// The requests of one cluster so far.
#[derive(Debug, Default)]
pub(super) struct Requests {
    pub(super) count: u64,
    pub(super) last: VecDeque<Requested>,
}

impl ApiServer {
    /// Sets the fault in force.
    pub(super) fn fault(&self, fault: Fault) {
        self.faults.send_modify(|faults| {
            if fault == Fault::CutWatch {
                faults.cuts += 1;
            }
            faults.current = fault;
        });
    }

    /// Answers one request. Failures are answers too; an error cuts the connection.
    pub(super) async fn answer(self: Arc<Self>, request: Request<Incoming>) -> std::io::Result<Response<Body>> {
        let number = self.count(&request);
        self.wait(number).await;
        if self.faults.borrow().current == Fault::Html {
            return Ok(html());
        }
        let writes = is_write(&request);
        let response = match Arc::clone(&self).route(request).await {
            Ok(response) => response,
            Err(failure) => failed(&failure),
        };
        if writes {
            self.after_write().await?;
        }
        Ok(response)
    }

    /// The effect of a fault on a write that was done: a late answer, or none.
    async fn after_write(&self) -> std::io::Result<()> {
        let fault = self.faults.borrow().current.clone();
        if fault == Fault::CutWrites {
            return Err(std::io::ErrorKind::ConnectionReset.into());
        }
        if let Fault::LateWrites(time) = fault {
            tokio::time::sleep(time).await;
        }
        Ok(())
    }

    /// Notes the request and returns its number.
    fn count(&self, request: &Request<Incoming>) -> u64 {
        let mut requests = self.requests.lock();
        requests.count += 1;
        while requests.last.len() >= REQUESTS {
            requests.last.pop_front();
        }
        let accept = header(request.headers(), &ACCEPT);
        requests.last.push_back(Requested {
            method: request.method().to_string(),
            uri: request.uri().path_and_query().map(ToString::to_string).unwrap_or_default(),
            accept: accept.to_owned(),
        });
        requests.count
    }

    /// The latency of this cluster, and faults that are a wait.
    async fn wait(&self, number: u64) {
        let mut faults = self.faults.subscribe();
        let latency = if let Fault::Latency(least, most) = &faults.borrow().current {
            Some((*least, *most))
        } else {
            self.member.latency
        };
        if let Some((least, most)) = latency {
            let spread = u64::try_from(most.saturating_sub(least).as_micros()).unwrap_or(0);
            let extra = fastrand::Rng::with_seed(self.member.seed ^ number).u64(0..=spread);
            tokio::time::sleep(least + Duration::from_micros(extra)).await;
        }
        // An error means that the fleet is gone, and this task with it.
        drop(faults.wait_for(|faults| faults.current != Fault::NoAnswer).await);
    }

    async fn route(self: Arc<Self>, request: Request<Incoming>) -> Result<Response<Body>, Failure> {
        let (head, body) = request.into_parts();
        let path = head.uri.path().to_owned();
        let query = Query::parse(head.uri.query().unwrap_or_default());
        let target = Target::parse(&path);
        self.refuse(&target, &path, &head.method, &head.headers)?;
        let form = Form::of(&head.headers);
        match target {
            Target::Health => Ok(plain(StatusCode::OK, health(&path, &query))),
            Target::Version => Ok(document(StatusCode::OK, &self.member.version_document())),
            Target::Review { kind } => {
                if head.method != Method::POST {
                    return Err(Failure::method_not_allowed());
                }
                let bytes = write::body(body).await?;
                let asked = serde_json::from_slice(&bytes).unwrap_or(Value::Null);
                let answer = authorization::review(&self, kind, asked);
                Ok(document(StatusCode::CREATED, &answer))
            }
            Target::Groups { core } => {
                read_only(&head.method)?;
                discovery::groups(&self, core, form)
            }
            Target::Group(group) => {
                read_only(&head.method)?;
                Ok(discovery::group(&self, group))
            }
            Target::Resources { group, version } => {
                read_only(&head.method)?;
                Ok(discovery::resources(&self, group, version))
            }
            Target::Objects(objects) if is_read(&head.method) => self.objects(&objects, &query, form),
            Target::Objects(objects) => {
                self.refuse_write()?;
                let body = write::body(body).await?;
                let request = write::WriteRequest { method: head.method, headers: &head.headers, query: &query, body };
                self.write(&objects, &request)
            }
            Target::Unknown => Ok(plain(StatusCode::NOT_FOUND, "404 page not found\n".to_owned())),
        }
    }

    /// The faults that concern every request that changes something.
    fn refuse_write(&self) -> Result<(), Failure> {
        let fault = self.faults.borrow().current.clone();
        if let Fault::ThrottledWrites { retry_after } = fault {
            return Err(Failure::too_many_requests(retry_after));
        }
        if fault == Fault::UnavailableWrites { Err(Failure::unavailable()) } else { Ok(()) }
    }

    fn write(
        &self,
        objects: &target::Objects<'_>,
        request: &write::WriteRequest<'_>,
    ) -> Result<Response<Body>, Failure> {
        let Some((index, resource)) = self.resource(objects) else {
            return Ok(plain(StatusCode::NOT_FOUND, "404 page not found\n".to_owned()));
        };
        if self.faults.borrow().current.forbids(&resource.plural) {
            let verb = write::verb(&request.method, !objects.name.is_empty()).unwrap_or("deletecollection");
            return Err(Failure::forbidden(USER, verb, &resource, objects.namespace, objects.name));
        }
        write::write(self, objects, (index, &resource), request)
    }

    fn objects(
        self: &Arc<Self>,
        objects: &target::Objects<'_>,
        query: &Query,
        form: Form,
    ) -> Result<Response<Body>, Failure> {
        let Some((index, resource)) = self.resource(objects) else {
            return Ok(plain(StatusCode::NOT_FOUND, "404 page not found\n".to_owned()));
        };
        if self.faults.borrow().current.forbids(&resource.plural) {
            let verb = match (objects.name.is_empty(), query.is("watch")) {
                (false, _) => "get",
                (true, true) => "watch",
                (true, false) => "list",
            };
            return Err(Failure::forbidden(USER, verb, &resource, objects.namespace, objects.name));
        }
        match (objects.name.is_empty(), objects.subresource) {
            (true, _) if query.is("watch") => watching::watch(self, index, objects, query, form),
            (true, _) => list::list(self, index, objects, query, form),
            (false, "") => list::get(self, index, objects, query, form),
            (false, "log") if resource.plural == "pods" => log::log(self, objects, query),
            (false, "status") if resource.subresources.contains(&"status") => {
                list::get(self, index, objects, query, form)
            }
            (false, "scale") if resource.subresources.contains(&"scale") => list::scale(self, index, objects),
            (false, subresource) if resource.subresources.contains(&subresource) => Err(Failure::method_not_allowed()),
            _ => Err(Failure::no_such_resource()),
        }
    }

    /// The resource of a path, when it is served in that group, version and scope.
    fn resource(&self, objects: &target::Objects<'_>) -> Option<(usize, Arc<Resource>)> {
        let store = self.store.read();
        let index = store.find(objects.group, objects.plural)?;
        let resource = Arc::clone(&store.collection(index)?.resource);
        let scoped = resource.namespaced || objects.namespace.is_empty();
        let complete = !resource.namespaced || objects.name.is_empty() || !objects.namespace.is_empty();
        (resource.version == objects.version && scoped && complete).then_some((index, resource))
    }

    /// Authentication, and the faults that concern every request.
    fn refuse(&self, target: &Target<'_>, path: &str, method: &Method, headers: &HeaderMap) -> Result<(), Failure> {
        let fault = self.faults.borrow().current.clone();
        if let Fault::Unauthorized(message) = fault {
            return Err(Failure::unauthorized(&message));
        }
        if let Fault::TooManyRequests { retry_after } = fault {
            return Err(Failure::too_many_requests(retry_after));
        }
        if fault == Fault::InternalError {
            return Err(Failure::internal("etcdserver: leader changed"));
        }
        let credentials = header(headers, &AUTHORIZATION);
        if credentials.is_empty() {
            if matches!(target, Target::Health | Target::Version) {
                return Ok(());
            }
            let verb = method.as_str().to_lowercase();
            return Err(Failure::forbidden_path("system:anonymous", &verb, path));
        }
        if let Some(hint) = &self.member.expired {
            return Err(Failure::unauthorized(hint));
        }
        match credentials.split_once(' ') {
            Some((scheme, token)) if scheme.eq_ignore_ascii_case("bearer") && token == self.token => Ok(()),
            _ => Err(Failure::unauthorized("")),
        }
    }
}

/// Who the bearer token of the generated kubeconfig is.
const USER: &str = "demo-operator";

fn read_only(method: &Method) -> Result<(), Failure> {
    if is_read(method) { Ok(()) } else { Err(Failure::method_not_allowed()) }
}

fn is_read(method: &Method) -> bool {
    method == Method::GET || method == Method::HEAD
}

/// Whether a request changes an object; reviews change nothing.
fn is_write(request: &Request<Incoming>) -> bool {
    !is_read(request.method()) && matches!(Target::parse(request.uri().path()), Target::Objects(_))
}

fn health(path: &str, query: &Query) -> String {
    if !query.has("verbose") {
        return "ok".to_owned();
    }
    let name = path.trim_matches('/');
    format!("[+]ping ok\n[+]log ok\n[+]etcd ok\n{name} check passed\n")
}

fn header<'a>(headers: &'a HeaderMap, name: &http::HeaderName) -> &'a str {
    headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default()
}

/// A response whose whole body is known.
fn respond(code: StatusCode, content_type: &'static str, body: impl Into<Bytes>) -> Response<Body> {
    let body = Full::new(body.into()).map_err(|never| match never {}).boxed_unsync();
    stream(code, content_type, body)
}

/// A response whose body comes in pieces.
fn stream(code: StatusCode, content_type: &'static str, body: Body) -> Response<Body> {
    let mut response = Response::new(body);
    *response.status_mut() = code;
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, http::HeaderValue::from_static(content_type));
    headers.insert(CACHE_CONTROL, http::HeaderValue::from_static("no-cache, private"));
    response
}

const JSON: &str = "application/json";

fn document(code: StatusCode, body: &Value) -> Response<Body> {
    respond(code, JSON, body.to_string())
}

fn plain(code: StatusCode, body: String) -> Response<Body> {
    respond(code, "text/plain; charset=utf-8", body)
}

fn html() -> Response<Body> {
    respond(
        StatusCode::OK,
        "text/html; charset=utf-8",
        "<!DOCTYPE html><html><head><title>Sign in</title></head><body><h1>Sign in to continue</h1></body></html>\n",
    )
}

fn failed(failure: &Failure) -> Response<Body> {
    let code = StatusCode::from_u16(failure.code).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let mut response = document(code, &failure.body());
    if let Some(seconds) = failure.retry_after {
        response.headers_mut().insert(RETRY_AFTER, seconds.into());
    }
    response
}

/// Reviews and discovery answer with maps in a stable order.
type Groups = BTreeMap<String, Vec<Arc<Resource>>>;

fn empty_metadata() -> Value {
    json!({"creationTimestamp": null})
}
