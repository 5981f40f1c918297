//! Logs of containers: invented, but the same lines for the same pod.

use std::sync::Arc;
use std::time::Duration;

use futures::stream;
use http::{Response, StatusCode};
use http_body_util::{BodyExt as _, StreamBody};
use hyper::body::{Bytes, Frame};
use jiff::{SignedDuration, Timestamp};
use serde_json::Value;

use super::super::json::{int, items, text};
use super::super::status::Failure;
use super::query::Query;
use super::target::Objects;
use super::{ApiServer, Body, plain};

/// Lines a container has written so far, at most: enough to scroll, cheap to send.
const LINES: u64 = 400;
/// A container writes one line in this many seconds.
const SECONDS_PER_LINE: i64 = 3;

/// Answers `pods/<name>/log`.
pub(super) fn log(server: &Arc<ApiServer>, target: &Objects<'_>, query: &Query) -> Result<Response<Body>, Failure> {
    let index = server.store.read().find("", "pods").ok_or_else(Failure::no_such_resource)?;
    let (object, _) = super::list::find(server, index, target)?;
    let pod: Value = serde_json::from_slice(&object.json).unwrap_or_default();
    let container = container(&pod, query.get("container"))?;
    let previous = query.is("previous");
    let status = status_of(&pod, &container);
    let waiting = text(status, "/state/waiting/reason");
    if previous && int(status, "/restartCount") == 0 {
        return Err(Failure::bad_request(format!(
            "previous terminated container \"{container}\" in pod \"{}\" not found",
            target.name
        )));
    }
    if !previous && matches!(waiting, "ContainerCreating" | "PodInitializing" | "ImagePullBackOff" | "ErrImagePull") {
        let why = match waiting {
            "ImagePullBackOff" | "ErrImagePull" => "trying and failing to pull image",
            "PodInitializing" => "PodInitializing",
            _ => "ContainerCreating",
        };
        return Err(Failure::bad_request(format!(
            "container \"{container}\" in pod \"{}\" is waiting to start: {why}",
            target.name
        )));
    }
    let crashed = previous || waiting == "CrashLoopBackOff";
    let now = server.clock.now();
    let writer = Writer { name: format!("{}/{container}", object.facts.key()), timestamps: query.is("timestamps") };
    let first = now.as_second() / SECONDS_PER_LINE - i64::try_from(LINES).unwrap_or(0);
    let since = query
        .number("sinceSeconds")
        .and_then(|seconds| i64::try_from(seconds).ok())
        .map_or(first, |seconds| first.max((now.as_second() - seconds) / SECONDS_PER_LINE));
    let last = now.as_second() / SECONDS_PER_LINE;
    let mut lines: Vec<String> = (since..=last).map(|number| writer.line(number)).collect();
    if crashed {
        lines.push(writer.stamped(now, "level=fatal msg=\"cannot start: required setting DATABASE_URL is empty\""));
    }
    if let Some(tail) = query.number("tailLines").and_then(|tail| usize::try_from(tail).ok()) {
        lines.drain(..lines.len().saturating_sub(tail));
    }
    let mut body = lines.concat();
    if let Some(limit) = query.number("limitBytes").and_then(|limit| usize::try_from(limit).ok()) {
        body.truncate(limit);
    }
    if query.is("follow") && !crashed {
        return Ok(follow(Arc::clone(server), writer, body, last));
    }
    Ok(plain(StatusCode::OK, body))
}

/// The container asked for, or the only one, or the one marked as default.
fn container(pod: &Value, asked: &str) -> Result<String, Failure> {
    let names: Vec<&str> = items(pod, "/spec/containers").iter().map(|container| text(container, "/name")).collect();
    let inits: Vec<&str> =
        items(pod, "/spec/initContainers").iter().map(|container| text(container, "/name")).collect();
    let name = text(pod, "/metadata/name");
    if asked.is_empty() {
        return match names.as_slice() {
            [only] if inits.is_empty() => Ok((*only).to_owned()),
            [only] => Ok((*only).to_owned()),
            _ => Err(Failure::bad_request(format!(
                "a container name must be specified for pod {name}, choose one of: [{}]{}",
                names.join(" "),
                if inits.is_empty() {
                    String::new()
                } else {
                    format!(" or one of the init containers: [{}]", inits.join(" "))
                }
            ))),
        };
    }
    if names.contains(&asked) || inits.contains(&asked) {
        return Ok(asked.to_owned());
    }
    Err(Failure::bad_request(format!("container {asked} is not valid for pod {name}")))
}

fn status_of<'a>(pod: &'a Value, container: &str) -> &'a Value {
    items(pod, "/status/containerStatuses")
        .iter()
        .chain(items(pod, "/status/initContainerStatuses"))
        .find(|status| text(status, "/name") == container)
        .unwrap_or(&Value::Null)
}

/// Sends what was written, then a line whenever one is due, until the reader leaves.
fn follow(server: Arc<ApiServer>, writer: Writer, body: String, last: i64) -> Response<Body> {
    let state = (server, writer, Some(body), last);
    let stream = stream::unfold(state, |(server, writer, body, last)| async move {
        if let Some(body) = body {
            let piece = Frame::data(Bytes::from(body));
            return Some((Ok::<_, std::io::Error>(piece), (server, writer, None, last)));
        }
        let wait = Duration::from_secs(SECONDS_PER_LINE.unsigned_abs());
        tokio::time::sleep(wait).await;
        let piece = Frame::data(Bytes::from(writer.line(last + 1)));
        Some((Ok(piece), (server, writer, None, last + 1)))
    });
    let body = StreamBody::new(stream).boxed_unsync();
    super::stream(StatusCode::OK, "text/plain; charset=utf-8", body)
}

/// Writes the lines of one container.
struct Writer {
    name: String,
    timestamps: bool,
}

impl Writer {
    /// The line with this number: numbers count from 1970, so they never depend on who reads.
    fn line(&self, number: i64) -> String {
        let at = Timestamp::UNIX_EPOCH + SignedDuration::from_secs(number * SECONDS_PER_LINE);
        let salt = self.name.bytes().fold(0_u64, |sum, byte| sum.wrapping_mul(31).wrapping_add(byte.into()));
        let mut rng = fastrand::Rng::with_seed(salt ^ number.unsigned_abs());
        let took = rng.u32(2..180);
        let path = PATHS.get(rng.usize(..PATHS.len())).copied().unwrap_or("/");
        let text = match rng.u8(..20) {
            0 => format!("level=warn msg=\"slow upstream\" path={path} took={}ms", took * 10),
            1 => format!("level=error msg=\"upstream reset\" path={path} attempt=1"),
            2..=4 => format!("level=debug msg=\"cache refreshed\" entries={}", took * 7),
            _ => format!("level=info msg=request method=GET path={path} status=200 took={took}ms"),
        };
        self.stamped(at, &text)
    }

    fn stamped(&self, at: Timestamp, text: &str) -> String {
        let time = at.strftime("%Y-%m-%dT%H:%M:%S");
        if self.timestamps { format!("{time}.000000000Z {text}\n") } else { format!("time={time}Z {text}\n") }
    }
}

const PATHS: &[&str] = &["/v1/orders", "/v1/payments", "/v1/search", "/healthz", "/v1/cart", "/metrics"];
