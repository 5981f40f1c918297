//! Lists, pages and single objects.

use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use futures::stream;
use http::{Response, StatusCode};
use http_body_util::{BodyExt as _, StreamBody};
use hyper::body::{Bytes, Frame};
use serde_json::{Value, json};

use super::super::json::{at, text};
use super::super::selector::{Selector, SelectorError};
use super::super::status::Failure;
use super::super::store::{Collection, Object, PagedList, field_labels};
use super::query::Query;
use super::render::Rendering;
use super::target::Objects;
use super::{ApiServer, Body, Form, JSON, document};

/// Lists are sent in pieces of about this size, so that a big list never exists twice.
const PIECE: usize = 64 << 10;

/// Answers a list.
pub(super) fn list(
    server: &Arc<ApiServer>,
    index: usize,
    target: &Objects<'_>,
    query: &Query,
    form: Form,
) -> Result<Response<Body>, Failure> {
    let (objects, metadata, resource) = {
        let mut store = server.store.write();
        let revision = store.revision();
        let collection = store.collection(index).ok_or_else(Failure::no_such_resource)?;
        let resource = Arc::clone(&collection.resource);
        let selector = selector(collection, query)?;
        if query.has("sendInitialEvents") {
            return Err(Failure::invalid_options("sendInitialEvents", "sendInitialEvents is forbidden for list"));
        }
        let start = Start::of(query, collection, revision)?;
        let limit = start.limit(query);
        let mut page = Page::select(&selector, limit, &start);
        let token = Token::parse(query.get("continue"))?;
        if let Some(token) = token {
            let Some(kept) = store.kept(index, target.namespace, token.revision) else {
                return Err(Failure::expired(
                    "The provided continue parameter is too old to display a consistent list result. You can start a new list without the continue parameter.",
                ));
            };
            page.fill(&kept.objects, &token.start);
            page.revision = kept.revision;
            if page.is_last() {
                store.finish(&kept);
            }
        } else {
            let all: Arc<[Arc<Object>]> = collection.objects(target.namespace).into();
            page.fill(&all, "");
            if !page.is_last() && store.kept(index, target.namespace, page.revision).is_none() {
                store.keep(PagedList {
                    revision: page.revision,
                    collection: index,
                    namespace: target.namespace.into(),
                    objects: all,
                });
            }
        }
        let metadata = page.metadata();
        (page.objects, metadata, resource)
    };
    let rendering = Rendering::new(resource, form, query, server.clock.now())?;
    Ok(pieces(rendering, objects, &metadata))
}

/// From which moment a list is answered.
struct Start {
    revision: u64,
    /// Lists at resourceVersion 0 come from the cache of the server, which ignores limits.
    from_cache: bool,
}

impl Start {
    fn of(query: &Query, collection: &Collection, current: u64) -> Result<Self, Failure> {
        let (asked, matching) = (query.get("resourceVersion"), query.get("resourceVersionMatch"));
        if !query.get("continue").is_empty() {
            if !matches!(asked, "" | "0") {
                return Err(Failure::bad_request("specifying resource version is not allowed when using continue"));
            }
            return Ok(Self { revision: current, from_cache: false });
        }
        if asked.is_empty() && !matching.is_empty() {
            return Err(Failure::invalid_options(
                "resourceVersionMatch",
                "resourceVersionMatch is forbidden unless resourceVersion is provided",
            ));
        }
        let number = parse_revision(asked)?;
        if number > current {
            return Err(Failure::too_large(number, current));
        }
        if matching == "Exact" {
            if number == 0 {
                return Err(Failure::invalid_options(
                    "resourceVersionMatch",
                    "resourceVersionMatch \"exact\" is forbidden for resourceVersion \"0\"",
                ));
            }
            // What did not change since is still what it was then.
            if collection.latest() > number {
                return Err(Failure::expired("The resourceVersion for the provided list is too old."));
            }
            return Ok(Self { revision: number, from_cache: false });
        }
        Ok(Self { revision: current, from_cache: asked == "0" })
    }

    fn limit(&self, query: &Query) -> usize {
        match query.number("limit") {
            Some(limit) if limit > 0 && !self.from_cache => usize::try_from(limit).unwrap_or(usize::MAX),
            _ => usize::MAX,
        }
    }
}

/// A resourceVersion parameter; an absent one is 0.
pub(super) fn parse_revision(text: &str) -> Result<u64, Failure> {
    if text.is_empty() {
        return Ok(0);
    }
    text.parse().map_err(|_| {
        Failure::bad_request(format!(
            "resourceVersion: Invalid value: \"{text}\": strconv.ParseUint: parsing \"{text}\": invalid syntax"
        ))
    })
}

/// The objects of one page.
struct Page<'a> {
    selector: &'a Selector,
    limit: usize,
    revision: u64,
    objects: Vec<Arc<Object>>,
    remaining: usize,
}

impl<'a> Page<'a> {
    fn select(selector: &'a Selector, limit: usize, start: &Start) -> Self {
        Self { selector, limit, revision: start.revision, objects: Vec::new(), remaining: 0 }
    }

    /// Takes objects whose keys sort after `start`.
    fn fill(&mut self, all: &[Arc<Object>], start: &str) {
        let first = all.partition_point(|object| !start.is_empty() && object.facts.key() <= start);
        let rest = all.get(first..).unwrap_or_default();
        for object in rest.iter().filter(|object| self.selector.matches(&object.facts)) {
            if self.objects.len() < self.limit {
                self.objects.push(Arc::clone(object));
            } else {
                self.remaining += 1;
            }
        }
    }

    fn is_last(&self) -> bool {
        self.remaining == 0
    }

    fn metadata(&self) -> Value {
        let mut metadata = json!({"resourceVersion": self.revision.to_string()});
        if let (false, Some(map), Some(last)) = (self.is_last(), metadata.as_object_mut(), self.objects.last()) {
            let token = Token { revision: self.revision, start: last.facts.key().to_owned() };
            map.insert("continue".to_owned(), token.to_string().into());
            // A server that filters does not know how many are left.
            if self.selector.is_empty() {
                map.insert("remainingItemCount".to_owned(), self.remaining.into());
            }
        }
        metadata
    }
}

/// A continue token: opaque to clients.
struct Token {
    revision: u64,
    start: String,
}

impl std::fmt::Display for Token {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let json = json!({"v": "meta.k8s.io/v1", "rv": self.revision, "start": self.start});
        f.write_str(&URL_SAFE_NO_PAD.encode(json.to_string()))
    }
}

impl Token {
    fn parse(token: &str) -> Result<Option<Self>, Failure> {
        if token.is_empty() {
            return Ok(None);
        }
        let decoded = URL_SAFE_NO_PAD.decode(token).ok().and_then(|bytes| serde_json::from_slice::<Value>(&bytes).ok());
        match decoded {
            Some(value) if value.get("rv").is_some() => Ok(Some(Self {
                revision: at(&value, "/rv").as_u64().unwrap_or_default(),
                start: text(&value, "/start").to_owned(),
            })),
            _ => Err(Failure::bad_request("continue key is not valid: illegal base64 data")),
        }
    }
}

/// The selector of a request, or the refusal of it.
pub(super) fn selector(collection: &Collection, query: &Query) -> Result<Selector, Failure> {
    let resource = &collection.resource;
    let known: Vec<&'static str> = field_labels(resource).iter().map(|(field, _)| *field).collect();
    let (labels, fields) = (query.get("labelSelector"), query.get("fieldSelector"));
    Selector::parse(labels, fields, &known).map_err(|error| match error {
        SelectorError::Label(why) | SelectorError::FieldSyntax(why) => Failure::bad_request(why),
        SelectorError::FieldUnknown(field) => Failure::bad_request(format!("field label not supported: {field}")),
    })
}

fn pieces(rendering: Rendering, objects: Vec<Arc<Object>>, metadata: &Value) -> Response<Body> {
    let (before, after) = rendering.frame(metadata);
    let state = (Some(before.into_bytes()), objects.into_iter(), true);
    let stream = stream::unfold(state, move |(head, mut objects, mut first)| {
        let piece = head.map(|mut piece| {
            let mut more = false;
            for object in objects.by_ref() {
                if !first {
                    piece.push(b',');
                }
                first = false;
                rendering.item(&object, &mut piece);
                if piece.len() >= PIECE {
                    more = true;
                    break;
                }
            }
            if !more {
                piece.extend_from_slice(after.as_bytes());
            }
            (piece, more)
        });
        std::future::ready(piece.map(|(piece, more)| {
            let next = more.then(|| Vec::with_capacity(PIECE + (PIECE >> 2)));
            (Ok(Frame::data(Bytes::from(piece))), (next, objects, first))
        }))
    });
    super::stream(StatusCode::OK, JSON, StreamBody::new(stream).boxed_unsync())
}

/// Answers a `get` of one object.
pub(super) fn get(
    server: &Arc<ApiServer>,
    index: usize,
    target: &Objects<'_>,
    query: &Query,
    form: Form,
) -> Result<Response<Body>, Failure> {
    let (object, resource) = find(server, index, target)?;
    let rendering = Rendering::new(resource, form, query, server.clock.now())?;
    let mut body = Vec::with_capacity(object.json.len() + 1);
    rendering.whole(&object, true, &mut body);
    body.push(b'\n');
    Ok(super::respond(StatusCode::OK, JSON, body))
}

/// Answers a `get` of the scale of a workload.
pub(super) fn scale(server: &Arc<ApiServer>, index: usize, target: &Objects<'_>) -> Result<Response<Body>, Failure> {
    let (object, _) = find(server, index, target)?;
    let workload: Value = serde_json::from_slice(&object.json).unwrap_or_default();
    Ok(document(StatusCode::OK, &super::super::write::scale_of(&workload)))
}

type Found = (Arc<Object>, Arc<super::super::resource::Resource>);

/// The object a path names, or 404.
pub(super) fn find(server: &ApiServer, index: usize, target: &Objects<'_>) -> Result<Found, Failure> {
    let store = server.store.read();
    let collection = store.collection(index).ok_or_else(Failure::no_such_resource)?;
    let object = collection
        .get(target.namespace, target.name)
        .ok_or_else(|| Failure::not_found(&collection.resource, target.name))?;
    Ok((object, Arc::clone(&collection.resource)))
}
