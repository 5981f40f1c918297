//! Discovery and OpenAPI answers that need not be fetched whole again: kept, asked for by their ETag, answered from here.

use super::answer::Answer;
use super::in_flight::Exchange;
use crate::engine::proxy::body::{Arriving, Broke};
use crate::engine::proxy::cache::{BODY_MAX, Kept, Key, Look, is_known, may_keep};
use crate::engine::proxy::config::Mode;
use crate::engine::proxy::edge::{self, headers::AUDIT_ID};
use crate::engine::proxy::hpack_values;
use crate::engine::proxy::refusal::Refusal;
use http::header::{CONTENT_LENGTH, DATE, ETAG, IF_NONE_MATCH};
use http::response::Parts;
use http::{HeaderMap, Response, StatusCode};
use http_body_util::BodyExt as _;
use hyper::body::{Body as _, Bytes};
use std::sync::Arc;
use tokio::time::{Instant, timeout};

/// A request that the cache may answer, or whose answer may be kept.
#[derive(Debug)]
pub(super) struct Keeping {
    key: Key,
    /// The kept answer that the cluster is asked to revalidate.
    known: Option<Arc<Kept>>,
}

/// A body, as far as it was read.
enum Read {
    Whole(Bytes),
    /// The body is longer than the cache keeps.
    Begun(Bytes, Arriving),
}

impl Exchange<'_> {
    /// Looks the request up in the cache; `None` if its answer may not be kept. Adds `If-None-Match` to `headers`,
    /// which go to the cluster, if the kept answer must be revalidated. Fails with the kept answer if it is fresh.
    pub(super) fn keeping(&self, cluster: usize, headers: &mut HeaderMap) -> Result<Option<Keeping>, Arc<Kept>> {
        let config = &self.scene.config;
        if self.info.is_resource || !config.cache_discovery {
            return Ok(None);
        }
        let Some(found) = config.clusters.get(cluster).filter(|c| c.mode != Mode::Passthrough) else { return Ok(None) };
        let uri = self.parts.uri.path_and_query().map_or("/", |p| p.as_str());
        let asked = &self.parts.headers;
        let Some(key) = Key::of((&found.name, found.mode), self.caller, &self.parts.method, uri, asked) else {
            return Ok(None);
        };
        match self.carry.cache.look(&key, Instant::now()) {
            Look::Fresh(kept) => Err(kept),
            Look::Stale(kept) => {
                if let Some(etag) = kept.headers.get(ETAG) {
                    headers.insert(IF_NONE_MATCH, etag.clone());
                }
                Ok(Some(Keeping { key, known: Some(kept) }))
            }
            Look::Miss => Ok(Some(Keeping { key, known: None })),
        }
    }

    /// Returns the answer for the client: the kept one if it is still valid, else the cluster's, which may be kept
    /// now. Fails if the body of the cluster breaks off or does not end in time.
    pub(super) async fn kept(
        &self,
        keeping: Keeping,
        head: Parts,
        body: Arriving,
    ) -> Result<Response<Answer>, Refusal> {
        if let Some(kept) = keeping.known.filter(|_| head.status == StatusCode::NOT_MODIFIED) {
            self.carry.cache.renew(&keeping.key, Instant::now());
            return Ok(self.of(&kept));
        }
        let length = body.size_hint().exact().and_then(|length| usize::try_from(length).ok()).unwrap_or(0);
        if !head.headers.contains_key(ETAG) || !may_keep(head.status, &head.headers, length) {
            return Ok(Response::from_parts(head, Answer::stream(body)));
        }
        let read = timeout(self.scene.config.limits.request_timeout, read(body));
        let broke = |_| Refusal::new(502, "InternalError", "upstream_broke", "the answer of the cluster broke off");
        let late = |_| Refusal::new(504, "Timeout", "upstream_late", "the answer of the cluster did not end in time");
        match read.await.map_err(late)?.map_err(broke)? {
            Read::Begun(read, rest) => Ok(Response::from_parts(head, Answer::begun(read, rest))),
            Read::Whole(body) => {
                let mut headers = head.headers;
                // Of this one answer only.
                headers.remove(DATE);
                headers.remove(AUDIT_ID);
                // It is kept for longer than what it was read into.
                hpack_values::own(&mut headers);
                let kept = Kept { headers, body };
                let answer = self.of(&kept);
                self.carry.cache.keep(keeping.key, kept, Instant::now());
                Ok(answer)
            }
        }
    }

    /// Returns a kept answer as the response to this request.
    pub(super) fn of(&self, kept: &Kept) -> Response<Answer> {
        let known = is_known(&self.parts.headers, kept);
        let mut response = Response::new(if known { Answer::empty() } else { Answer::whole(kept.body.clone()) });
        response.headers_mut().clone_from(&kept.headers);
        response.headers_mut().insert(AUDIT_ID, edge::audit_id(self.observed.id().as_str()));
        if known {
            *response.status_mut() = StatusCode::NOT_MODIFIED;
            response.headers_mut().remove(CONTENT_LENGTH);
        }
        response
    }
}

async fn read(mut body: Arriving) -> Result<Read, Broke> {
    let mut whole = Vec::new();
    while let Some(frame) = body.frame().await {
        if let Ok(data) = frame?.into_data() {
            whole.extend_from_slice(&data);
            if whole.len() > BODY_MAX {
                return Ok(Read::Begun(whole.into(), body));
            }
        }
    }
    Ok(Read::Whole(whole.into()))
}
