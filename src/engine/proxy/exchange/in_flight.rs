//! The steps of one request, once it is known who asks for what.

use super::answer::Answer;
use super::discovery_cache::Keeping;
use super::end::Observed;
use super::labels::{self, BODY_BYTES_MAX};
use super::{ActiveConfig, ProxyService};
use crate::engine::proxy::body::{Arriving, Outgoing};
use crate::engine::proxy::caller::Caller;
use crate::engine::proxy::config::{Mode, Rule};
use crate::engine::proxy::edge::upgrade::Protocol;
use crate::engine::proxy::edge::{self, Policy};
use crate::engine::proxy::listen::Peer;
use crate::engine::proxy::metrics::STALE_LABEL;
use crate::engine::proxy::refusal::Refusal;
use crate::engine::proxy::request::{Class, RequestInfo};
use crate::engine::proxy::rules::Asked;
use crate::engine::proxy::target::{Availability, Choice, Clusters, Key};
use crate::engine::proxy::upstream::{Call, Failed, Sent, Tunnel, Upgraded};
use crate::engine::proxy::{hpack_values, tunnel};
use http::header::{ACCEPT, CONTENT_LENGTH, CONTENT_TYPE, WARNING};
use http::request::Parts;
use http::{HeaderMap, HeaderValue, Request, Response, StatusCode};
use http_body_util::{BodyExt as _, LengthLimitError, Limited};
use hyper::body::{Body as _, Bytes};
use hyper::upgrade::OnUpgrade;
use hyper_util::rt::TokioIo;
use std::collections::BTreeMap;
use std::sync::Arc;
use tokio::time::Instant;

/// Longest body that is read before it is sent, so that it can be sent again.
const REPLAY_BYTES_MAX: u64 = 64 * 1024;

/// A request with everything known about it.
pub(super) struct Exchange<'a> {
    pub(super) carry: &'a Arc<ProxyService>,
    pub(super) scene: &'a Arc<ActiveConfig>,
    pub(super) peer: &'a Peer,
    pub(super) parts: &'a Parts,
    pub(super) caller: &'a Arc<Caller>,
    pub(super) info: RequestInfo<'a>,
    pub(super) observed: &'a mut Observed,
}

/// The route of a request.
#[derive(Debug, Clone, Copy)]
struct Way {
    rule: Option<usize>,
    choice: Choice,
}

impl Exchange<'_> {
    /// Answers a request that is no tunnel. Fails with the refusal to send instead.
    pub(super) async fn carried(&mut self, body: Arriving) -> Result<Response<Answer>, Refusal> {
        let (body, labels) = self.read(body).await?;
        let way = self.way(labels.as_ref()).map_err(|refusal| self.told(refusal))?;
        let mut request = self.ready(way, body, None)?;
        let keeping = match self.keeping(way.choice.cluster, request.headers_mut()) {
            Ok(keeping) => keeping,
            Err(kept) => {
                let answer = self.of(&kept);
                self.observed.answered(answer.status(), None);
                return Ok(answer);
            }
        };
        if let Some(other) = self.scene.rule(way.rule).and_then(|rule| rule.mirror) {
            self.mirror(other, way, &request);
        }
        let (sent, went) = self.send(way, request).await?;
        // Another cluster's answer is not what was asked about.
        let keeping = keeping.filter(|_| went.choice.cluster == way.choice.cluster);
        self.passed_on((sent, went), keeping).await
    }

    /// Answers a request that asks for a tunnel. Fails with the refusal to send instead.
    pub(super) async fn tunnelled(
        &mut self,
        protocol: Protocol,
        connection: OnUpgrade,
        body: Arriving,
    ) -> Result<Response<Answer>, Refusal> {
        // The edge has refused whatever announced one.
        drop(body);
        let way = self.way(None)?;
        self.observed.wants(protocol);
        let request = self.ready(way, Outgoing::Empty, Some(protocol))?.map(|_| ());
        let call = self.call();
        let member = self.scene.members.get(way.choice.cluster).ok_or_else(nowhere)?;
        match member.upgrade(request, &call).await {
            Ok(Upgraded::Switched(tunnel)) => self.switched(tunnel, way, (connection, protocol)),
            Ok(Upgraded::Answered(sent)) => self.passed_on((*sent, way), None).await,
            Err(failed) => Err(self.failed(failed)),
        }
    }

    /// Joins both connections as soon as the client's has left HTTP, too.
    fn switched(
        &mut self,
        mut tunnel: Box<Tunnel>,
        way: Way,
        (connection, protocol): (OnUpgrade, Protocol),
    ) -> Result<Response<Answer>, Refusal> {
        self.observed.sent(tunnel.endpoint, tunnel.attempts, tunnel.upstream_wait);
        let headers = std::mem::take(tunnel.response.headers_mut());
        if !protocol.confirmed(tunnel.response.status(), &headers) {
            let text =
                format!("cluster {} switched to a protocol nobody asked for", self.scene.name(way.choice.cluster));
            return Err(Refusal::new(502, "InternalError", "upgrade", text));
        }
        let mut response = Response::new(Answer::empty());
        *response.status_mut() = StatusCode::SWITCHING_PROTOCOLS;
        *response.headers_mut() = headers;
        let end = self.observed.hand_over(StatusCode::SWITCHING_PROTOCOLS);
        let place = self.peer.tunnel();
        tokio::spawn(async move {
            // Fails only when the client went away before it read our 101.
            if let Ok(client) = connection.await {
                let cut = place.cut();
                let spliced = tunnel::splice(TokioIo::new(client), tunnel, cut).await;
                end.spliced(&spliced);
            }
            drop(place);
        });
        Ok(response)
    }

    /// Reads the body, and its labels if a rule needs them.
    async fn read(&self, body: Arriving) -> Result<(Outgoing, Option<BTreeMap<String, String>>), Refusal> {
        if body.is_end_stream() {
            return Ok((Outgoing::Empty, None));
        }
        if self.scene.table.wants_body(&self.info) {
            let bytes = Box::pin(self.whole(body, BODY_BYTES_MAX)).await?;
            let content = self.parts.headers.get(CONTENT_TYPE).and_then(|v| v.to_str().ok()).unwrap_or_default();
            let labels = labels::labels(content, &bytes);
            return Ok((Outgoing::Whole(bytes), labels));
        }
        match body.size_hint().exact() {
            Some(0) => Ok((Outgoing::Empty, None)),
            Some(length) if length <= REPLAY_BYTES_MAX => {
                let bytes = Box::pin(self.whole(body, BODY_BYTES_MAX)).await?;
                Ok((Outgoing::Whole(bytes), None))
            }
            Some(_) | None => Ok((Outgoing::Stream(body), None)),
        }
    }

    /// Reads a whole body, within the time of a short request.
    async fn whole(&self, body: Arriving, max: usize) -> Result<Bytes, Refusal> {
        let collected = Limited::new(body, max).collect();
        match tokio::time::timeout(self.scene.config.limits.request_timeout, collected).await {
            Ok(Ok(collected)) => Ok(collected.to_bytes()),
            Ok(Err(error)) if error.is::<LengthLimitError>() => Err(Refusal::new(
                413,
                "RequestEntityTooLarge",
                "body_too_large",
                "a rule looks at the labels of the object, and the body is larger than 3 MiB",
            )),
            Ok(Err(_)) => Err(Refusal::new(400, "BadRequest", "caller_broke", "the body of the request broke off")),
            Err(_) => Err(Refusal::new(408, "Timeout", "caller_late", "the body of the request did not come in time")),
        }
    }

    /// Chooses the rule and the cluster.
    fn way(&mut self, labels: Option<&BTreeMap<String, String>>) -> Result<Way, Refusal> {
        let scene = self.scene;
        let asked = Asked { info: &self.info, caller: self.caller, body_labels: labels, region: &scene.config.region };
        let rule = scene.table.decide(&asked);
        self.observed.decided(rule);
        if let Some(message) = scene.rule(rule).and_then(Rule::denial) {
            return Err(Refusal::new(403, "Forbidden", "denied_by_rule", message.to_owned()));
        }
        let choice = self.choice(rule)?;
        self.observed.chosen(choice.cluster);
        let name = scene.name(choice.cluster);
        if self.info.carries_version() && (choice.moved || self.peer.held.moved(&self.key(rule), name)) {
            // The client lists anew, from the cluster that answers now; other versions would mean nothing there.
            self.succeeded(rule, name);
            return Err(Refusal::new(
                410,
                "Expired",
                STALE_LABEL,
                format!("another cluster answers now ({}): list again", scene.name(choice.cluster)),
            ));
        }
        Ok(Way { rule, choice })
    }

    /// Turns the refusal of a watch at another cluster's version into a watch event, as an API server sends it, if the
    /// client reads JSON.
    fn told(&self, refusal: Refusal) -> Refusal {
        let accept = self.parts.headers.get_all(ACCEPT).iter();
        let mut other = accept.filter_map(|v| v.to_str().ok()).filter(|v| v.contains("protobuf") || v.contains("cbor"));
        let watches = &*self.info.verb == "watch" && other.next().is_none();
        if refusal.label == STALE_LABEL && watches { refusal.in_watch() } else { refusal }
    }

    fn choice(&self, rule: Option<usize>) -> Result<Choice, Refusal> {
        let scene = self.scene;
        if let Some(name) = &self.peer.cluster {
            let gone = || {
                Refusal::new(
                    503,
                    "ServiceUnavailable",
                    "cluster_gone",
                    format!("cluster {name} is not configured any more"),
                )
            };
            return Ok(Choice { cluster: scene.place_of(name).ok_or_else(gone)?, moved: false });
        }
        let standing = |cluster: usize| scene.standing(cluster);
        match rule {
            Some(rule) => self.carry.targets.choose(&self.clusters(&standing), rule, &self.key(Some(rule))),
            None => self.home(&standing),
        }
    }

    fn home(&self, standing: &dyn Fn(usize) -> Availability) -> Result<Choice, Refusal> {
        match self.scene.fallback(&self.info) {
            Some(cluster) if self.scene.config.home.is_none() => Ok(Choice { cluster, moved: false }),
            Some(_) | None => self.carry.targets.choose_home(&self.clusters(standing), &self.key(None)),
        }
    }

    /// Remembers that the client, and all clients of the same caller, hold this cluster's versions.
    fn succeeded(&self, rule: Option<usize>, cluster: &str) {
        self.carry.targets.succeeded(&self.key(rule), cluster, &self.peer.held);
    }

    fn key(&self, rule: Option<usize>) -> Key<'_> {
        Key::of(&self.caller.user, self.scene.rule(rule).map_or("", |r| &*r.name), &self.info)
    }

    fn clusters<'a>(&'a self, standing: &'a dyn Fn(usize) -> Availability) -> Clusters<'a> {
        Clusters { config: &self.scene.config, standing, now: self.carry.clock.moment().wall }
    }

    /// Admits the request, and prepares it for its cluster.
    fn ready(&mut self, way: Way, body: Outgoing, upgrade: Option<Protocol>) -> Result<Request<Outgoing>, Refusal> {
        let permit = self.carry.admission.admit(&self.caller.user, self.info.is_long_running())?;
        self.observed.admitted(permit);
        let mut request = Request::new(body);
        *request.method_mut() = self.parts.method.clone();
        *request.uri_mut() = self.parts.uri.clone();
        *request.headers_mut() = self.headers(way, upgrade)?;
        self.observed.dressed(&self.parts.headers);
        Ok(request)
    }

    fn headers(&mut self, way: Way, upgrade: Option<Protocol>) -> Result<HeaderMap, Refusal> {
        let mode = self.scene.config.clusters.get(way.choice.cluster).map_or(Mode::Swap, |c| c.mode);
        let allow_impersonation = self.scene.lets_impersonate(way.rule, &self.info);
        let audit_id = self.observed.id();
        let policy = Policy { caller: self.caller, mode, allow_impersonation, upgrade, audit_id: audit_id.as_str() };
        edge::outgoing(&self.parts.headers, &policy)
    }

    fn call(&self) -> Call {
        let long_running = self.info.is_long_running();
        let deadline = (!long_running).then(|| Instant::now() + self.scene.config.limits.request_timeout);
        Call { class: self.info.class(), long_running, proxied: self.info.is_proxied(), deadline }
    }

    /// Sends the request; to the next cluster if the rule allows failover and no server accepted a byte of it.
    async fn send(&mut self, mut way: Way, mut request: Request<Outgoing>) -> Result<(Sent, Way), Refusal> {
        let call = self.call();
        let mut tried = Vec::new();
        loop {
            let member = self.scene.members.get(way.choice.cluster).ok_or_else(nowhere)?;
            let mut failed = match member.send(request, &call).await {
                Ok(sent) => return Ok((sent, way)),
                Err(failed) => failed,
            };
            let unsent = failed.unsent.take();
            tried.push(way.choice.cluster);
            let (Some(unsent), Some(next)) = (unsent, self.next(way, &tried)) else {
                return Err(self.failed(failed));
            };
            way = next;
            self.observed.chosen(way.choice.cluster);
            request = *unsent;
            *request.headers_mut() = self.headers(way, None)?;
        }
    }

    /// Returns the route to the next cluster that has not failed.
    fn next(&self, way: Way, tried: &[usize]) -> Option<Way> {
        let rule = way.rule.filter(|_| self.peer.cluster.is_none())?;
        self.scene.rule(Some(rule)).filter(|r| r.failover)?;
        let scene = self.scene;
        let standing = |cluster: usize| {
            if tried.contains(&cluster) { Availability::default() } else { scene.standing(cluster) }
        };
        let choice = self.carry.targets.choose(&self.clusters(&standing), rule, &self.key(Some(rule))).ok()?;
        // Versions of one world mean nothing in the next: the client hears of the failure, and then of the move.
        (!tried.contains(&choice.cluster) && !self.info.carries_version()).then_some(Way { rule: way.rule, choice })
    }

    fn failed(&mut self, failed: Failed) -> Refusal {
        self.observed.attempts(failed.attempts);
        failed.refusal
    }

    /// Turns a cluster's answer into the answer for the client.
    async fn passed_on(
        &mut self,
        (sent, way): (Sent, Way),
        keeping: Option<Keeping>,
    ) -> Result<Response<Answer>, Refusal> {
        let Sent { response, endpoint, attempts, upstream_wait, lease } = sent;
        self.observed.sent(endpoint, attempts, upstream_wait);
        let (mut head, body) = response.into_parts();
        edge::answered(&mut head.headers, head.status)?;
        if self.peer.h2 {
            hpack_values::fit(&mut head.headers);
        }
        if head.status.as_u16() < 500 && self.info.is_resource {
            self.succeeded(way.rule, self.scene.name(way.choice.cluster));
        }
        if self.peer.cluster.is_none() && self.scene.is_partial(&self.info) {
            let text = format!(
                "299 quarterdeck \"cluster {} alone answered: a list over all namespaces is not merged over clusters\"",
                self.scene.name(way.choice.cluster)
            );
            if let Ok(value) = HeaderValue::try_from(text) {
                head.headers.append(WARNING, value);
            }
        }
        if let Some(keeping) = keeping {
            let response = Box::pin(self.kept(keeping, head, body)).await?;
            self.observed.answered(response.status(), Some(lease));
            return Ok(response);
        }
        self.observed.answered(head.status, Some(lease));
        // A watch without a length: cut in good order, its client goes on elsewhere from where it was.
        let may_end = self.info.class() == Class::Read
            && &*self.info.verb == "watch"
            && !head.headers.contains_key(CONTENT_LENGTH);
        let answer = if may_end { Answer::watch(body, self.peer.draining()) } else { Answer::stream(body) };
        Ok(Response::from_parts(head, answer))
    }

    /// Sends a copy of a short read to another cluster, whose answer is compared and dropped.
    fn mirror(&mut self, other: usize, way: Way, request: &Request<Outgoing>) {
        if self.info.is_long_running() || self.info.class() != Class::Read || !request.body().is_end_stream() {
            return;
        }
        let theirs = Way { choice: Choice { cluster: other, ..way.choice }, ..way };
        // What may not go there with its identity, does not.
        let Ok(headers) = self.headers(theirs, None) else { return };
        let mut copy = Request::new(Outgoing::Empty);
        *copy.method_mut() = request.method().clone();
        *copy.uri_mut() = request.uri().clone();
        *copy.headers_mut() = headers;
        if let Some(waiting) = self.carry.mirror.send(self.carry, self.scene, other, (copy, self.call())) {
            self.observed.mirrored(waiting);
        }
    }
}

fn nowhere() -> Refusal {
    Refusal::new(503, "ServiceUnavailable", "cluster_gone", "the cluster is not configured any more")
}
