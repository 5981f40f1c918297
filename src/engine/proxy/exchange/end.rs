//! What is remembered of a request on its way, and told when it ends: counted, logged, shown.

use super::answer::{Answer, Ended};
use super::{ActiveConfig, ProxyService};
use crate::engine::proxy::audit::{AuditId, Finished, Received, Record};
use crate::engine::proxy::caller::Caller;
use crate::engine::proxy::edge;
use crate::engine::proxy::edge::impersonation::Impersonated;
use crate::engine::proxy::limit::Permit;
use crate::engine::proxy::listen::Peer;
use crate::engine::proxy::metrics::{Exchanged, Protocol, Underway, What};
use crate::engine::proxy::refusal::Refusal;
use crate::engine::proxy::request::RequestInfo;
use crate::engine::proxy::request_log::Shown;
use crate::engine::proxy::tunnel::Spliced;
use crate::engine::proxy::upstream::InFlightGuard;
use http::header::{CONTENT_LENGTH, USER_AGENT};
use http::request::Parts;
use http::{HeaderMap, HeaderValue, Response, StatusCode, Uri};
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::oneshot;
use tokio::time::Instant;

/// The record of a request, until its answer or its tunnel takes it over.
#[derive(Debug)]
pub(super) struct Observed(Box<RequestTelemetry>);

/// The record of a request that outlives it: written when the answer's body, or the tunnel, ends.
#[derive(Debug)]
pub(super) struct RequestTelemetry {
    carry: Arc<ProxyService>,
    scene: Arc<ActiveConfig>,
    began: Instant,
    uri: Uri,
    source: Option<IpAddr>,
    caller: Option<Arc<Caller>>,
    id: AuditId,
    /// Labels of the request; `None` until its head was understood, since nothing can be counted before.
    what: Option<What>,
    record: Option<Record>,
    rule: Option<usize>,
    cluster: Option<usize>,
    endpoint: Option<usize>,
    code: u16,
    attempts: u32,
    upstream: Duration,
    received: u64,
    refused: Option<Refusal>,
    upgrade: Option<Protocol>,
    underway: Option<Underway>,
    permit: Option<Permit>,
    lease: Option<InFlightGuard>,
    /// Sends the status to the mirrored copy, which compares it with its own.
    mirror: Option<oneshot::Sender<StatusCode>>,
    told: bool,
}

impl Observed {
    pub(super) fn begin(carry: &Arc<ProxyService>, parts: &Parts, peer: &Peer) -> Self {
        let id = carry.ids.choose(parts.headers.get(edge::headers::AUDIT_ID).map(HeaderValue::as_bytes));
        Self(Box::new(RequestTelemetry::new(carry, parts.uri.clone(), id, peer.address.map(|a| a.ip()))))
    }

    pub(super) fn scene(&self) -> &Arc<ActiveConfig> {
        &self.0.scene
    }

    /// The id that joins the proxy's log and the server's.
    pub(super) fn id(&self) -> AuditId {
        self.0.id
    }

    /// Records the attributes of the request; `caller` is `None` if authentication failed.
    pub(super) fn understood(&mut self, info: &RequestInfo<'_>, headers: &HeaderMap, caller: Option<&Arc<Caller>>) {
        let memory = &mut *self.0;
        memory.what = Some(memory.scene.handles.what(info));
        memory.caller = caller.map(Arc::clone);
        memory.received = headers.get(CONTENT_LENGTH).and_then(|v| v.to_str().ok()?.parse().ok()).unwrap_or(0);
        let Some(audit) = memory.scene.audit.as_ref() else { return };
        memory.record = audit.begin(&Received {
            id: &memory.id,
            info,
            uri: memory.uri.path_and_query().map_or("/", |p| p.as_str()),
            caller: memory.caller.as_deref(),
            source: memory.source,
            user_agent: headers.get(USER_AGENT).and_then(|v| v.to_str().ok()).unwrap_or_default(),
        });
    }

    /// Records an impersonation that the caller's headers ask for and a rule allowed. The proxy's own headers to a
    /// cluster in mode `impersonate` are no impersonation by the caller.
    pub(super) fn dressed(&mut self, headers: &HeaderMap) {
        if let Some(record) = &mut self.0.record
            && let Some(whom) = Impersonated::of(headers)
        {
            record.impersonated(&whom);
        }
    }

    pub(super) fn decided(&mut self, rule: Option<usize>) {
        self.0.rule = rule;
    }

    pub(super) fn chosen(&mut self, cluster: usize) {
        let memory = &mut *self.0;
        memory.cluster = Some(cluster);
        memory.underway = memory.what.map(|what| memory.scene.handles.started(Some(cluster), what));
    }

    pub(super) fn admitted(&mut self, permit: Permit) {
        self.0.permit = Some(permit);
    }

    pub(super) fn wants(&mut self, protocol: edge::upgrade::Protocol) {
        self.0.upgrade = Some(match protocol {
            edge::upgrade::Protocol::WebSocket => Protocol::WebSocket,
            edge::upgrade::Protocol::Spdy => Protocol::Spdy,
        });
    }

    pub(super) fn mirrored(&mut self, waiting: oneshot::Sender<StatusCode>) {
        self.0.mirror = Some(waiting);
    }

    pub(super) fn attempts(&mut self, attempts: u32) {
        self.0.attempts = self.0.attempts.saturating_add(attempts);
    }

    /// Records the head of a cluster's answer.
    pub(super) fn sent(&mut self, endpoint: usize, attempts: u32, upstream: Duration) {
        self.0.endpoint = Some(endpoint);
        self.0.upstream = upstream;
        self.attempts(attempts);
    }

    /// Records the status for the caller; `lease` is `None` if the proxy answers itself.
    pub(super) fn answered(&mut self, status: StatusCode, lease: Option<InFlightGuard>) {
        let memory = &mut *self.0;
        memory.lease = lease;
        memory.begun(status);
    }

    pub(super) fn refused(&mut self, refusal: Refusal) {
        let memory = &mut *self.0;
        memory.code = refusal.code;
        if memory.what.is_none() {
            memory.carry.metrics.rejected(refusal.label);
        }
        memory.refused = Some(refusal);
    }

    /// Hands the record to the body of the answer.
    pub(super) fn attach(self, response: Response<Answer>) -> Response<Answer> {
        response.map(|answer| answer.then(self.0))
    }

    /// Hands the record to a tunnel; the remaining one writes nothing.
    pub(super) fn hand_over(&mut self, status: StatusCode) -> Box<RequestTelemetry> {
        let memory = &*self.0;
        let mut left = RequestTelemetry::new(&memory.carry, Uri::default(), memory.id, None);
        left.told = true;
        let mut memory = std::mem::replace(&mut self.0, Box::new(left));
        memory.begun(status);
        memory
    }
}

impl RequestTelemetry {
    fn new(carry: &Arc<ProxyService>, uri: Uri, id: AuditId, source: Option<IpAddr>) -> Self {
        Self {
            scene: carry.scene.load_full(),
            carry: Arc::clone(carry),
            began: Instant::now(),
            uri,
            source,
            caller: None,
            id,
            what: None,
            record: None,
            rule: None,
            cluster: None,
            endpoint: None,
            code: 0,
            attempts: 0,
            upstream: Duration::ZERO,
            received: 0,
            refused: None,
            upgrade: None,
            underway: None,
            permit: None,
            lease: None,
            mirror: None,
            told: false,
        }
    }

    /// Records the head of the answer: a long-running request is logged and shown now, too.
    fn begun(&mut self, status: StatusCode) {
        self.code = status.as_u16();
        if let Some(waiting) = self.mirror.take() {
            // A mirror that gave up does not care.
            let _unheard = waiting.send(status);
        }
        if self.what.is_some_and(|what| what.long_running.is_some()) {
            if let Some(record) = &self.record {
                record.started(&self.finished(None));
            }
            self.show();
        }
    }

    fn finished(&self, bytes: Option<(u64, u64)>) -> Finished<'_> {
        Finished {
            code: self.code,
            reason: self.refused.as_ref().map_or("", |r| r.reason),
            message: self.refused.as_ref().map_or("", |r| &*r.message),
            cluster: self.cluster.map_or("", |c| self.scene.name(c)),
            rule: self.scene.rule(self.rule).map_or("", |r| &*r.name),
            attempts: self.attempts,
            retried: self.retried(),
            epoch: None,
            bytes,
        }
    }

    /// Logs a refusal under the id of the audit logs.
    fn log(&self) {
        let Some(refused) = &self.refused else { return };
        let (audit_id, code, why) = (self.id.as_str(), refused.code, &*refused.message);
        let cluster = self.cluster.map_or("", |c| self.scene.name(c));
        if code >= 500 {
            match self.carry.failures.line(self.carry.clock.moment().wall.0) {
                Some(0) => tracing::warn!(audit_id, cluster, code, why, "a request failed here"),
                Some(left_out) => {
                    tracing::warn!(audit_id, cluster, code, why, left_out, "a request failed here, as others did");
                }
                None => {}
            }
        } else {
            tracing::debug!(audit_id, cluster, code, why, "a request was refused");
        }
    }

    fn retried(&self) -> Option<&'static str> {
        (self.attempts > 1).then_some("connection")
    }

    fn show(&self) {
        let Some(what) = self.what else { return };
        self.carry.tail.push(&Shown {
            at: self.carry.clock.moment().wall,
            verb: what.verb.word(),
            uri: self.uri.path_and_query().map_or("/", |p| p.as_str()),
            user: self.caller.as_ref().map_or("", |c| &*c.user),
            rule: self.scene.rule(self.rule).map_or("", |r| &*r.name),
            cluster: self.cluster.map_or("", |c| self.scene.name(c)),
            code: self.code,
            micros: u64::try_from(self.began.elapsed().as_micros()).unwrap_or(u64::MAX),
            attempts: self.attempts,
            long_running: what.long_running.is_some(),
        });
    }

    /// Records the end of a tunnel.
    pub(super) fn spliced(mut self: Box<Self>, spliced: &Spliced) {
        self.received = spliced.up;
        self.ended(spliced.down);
    }
}

impl Ended for RequestTelemetry {
    fn ended(&mut self, sent: u64) {
        if std::mem::replace(&mut self.told, true) {
            return;
        }
        self.underway = None;
        let Some(what) = self.what else { return };
        let long_running = what.long_running.is_some();
        self.scene.handles.record(&Exchanged {
            what,
            cluster: self.cluster,
            endpoint: self.endpoint,
            rule: self.rule,
            code: self.code,
            attempts: self.attempts,
            retried: self.retried(),
            total: self.began.elapsed(),
            upstream: self.upstream,
            received: self.received,
            sent,
            refused: self.refused.as_ref().map(|r| r.label),
            upgrade: self.upgrade,
        });
        self.log();
        if let Some(record) = self.record.take() {
            record.finish(&self.finished(long_running.then_some((self.received, sent))));
        }
        if !long_running || self.refused.is_some() {
            self.show();
        }
    }
}

impl Drop for RequestTelemetry {
    fn drop(&mut self) {
        // Whatever held it was dropped without a word: the caller went away while its request was on its way.
        self.ended(0);
    }
}
