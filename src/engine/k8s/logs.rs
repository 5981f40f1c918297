//! The logs of one container, line by line, and which containers a pod has.

use super::client::Connection;
use super::errors;
use super::query::escape;
use crate::engine::cluster::ClusterError;
use crate::model::logs::LogSource;
use crate::model::object::ObjectKey;
use crate::model::text::{Text, clean, clean_lines, without_escapes};
use futures::stream::{self, BoxStream};
use futures::{StreamExt as _, TryStreamExt as _};
use http_body_util::BodyExt as _;
use hyper::body::Bytes;
use kube::client::Body;
use serde_json::Value;

/// The longest line kept, in bytes; the rest of a line is dropped, with a mark in its place.
pub(crate) const LINE_BYTES_MAX: usize = 16 * 1024;

/// Annotation with the container whose logs are shown by default.
const DEFAULT_CONTAINER: &str = "/metadata/annotations/kubectl.kubernetes.io~1default-container";

/// The lists of containers, in the order of their start.
const LISTS: [&str; 3] = ["/spec/initContainers", "/spec/containers", "/spec/ephemeralContainers"];

/// Returns the names of a pod's containers: init, then regular, then ephemeral. Fails if the pod cannot be read.
pub(crate) async fn containers(connection: &Connection, pod: &ObjectKey) -> Result<Vec<Text>, ClusterError> {
    let pod: Value = connection.get_json(&pod_path(pod)).await?;
    Ok(LISTS.iter().flat_map(|list| names(&pod, list)).map(|name| Text::from(clean(name))).collect())
}

fn names<'a>(pod: &'a Value, list: &str) -> impl Iterator<Item = &'a str> {
    let list = pod.pointer(list).and_then(Value::as_array).into_iter().flatten();
    list.filter_map(|container| container.get("name")?.as_str())
}

fn pod_path(pod: &ObjectKey) -> String {
    format!("/api/v1/namespaces/{}/pods/{}", escape(&pod.namespace), escape(&pod.name))
}

/// The default container, as `kubectl logs` chooses it: the annotated one, else the first.
fn chosen(pod: &Value) -> Option<String> {
    let wish = pod.pointer(DEFAULT_CONTAINER).and_then(Value::as_str);
    let wish = wish.filter(|wish| LISTS.iter().any(|list| names(pod, list).any(|name| name == *wish)));
    wish.or_else(|| names(pod, "/spec/containers").next()).map(str::to_owned)
}

/// Streams the lines until the container ends or the stream is dropped; an error is its last item.
pub(crate) fn tail(connection: Connection, source: LogSource) -> BoxStream<'static, Result<Text, ClusterError>> {
    stream::once(async move { open(&connection, &source).await })
        .map_ok(|body| lines(chunks(body)))
        .try_flatten()
        .boxed()
}

async fn open(connection: &Connection, source: &LogSource) -> Result<Body, ClusterError> {
    let mut container = Some(source.container.to_string()).filter(|c| !c.is_empty());
    if container.is_none() {
        container = chosen(&connection.get_json::<Value>(&pod_path(&source.pod)).await?);
    }
    connection.stream(&log_path(source, container.as_deref())).await
}

fn log_path(source: &LogSource, container: Option<&str>) -> String {
    let since = source.since_s.map(|s| format!("sinceSeconds={s}"));
    let tail = source.tail_lines.map(|n| format!("tailLines={n}"));
    let on = |set: bool, name: &str| set.then(|| format!("{name}=true"));
    let parts = [
        container.map(|c| format!("container={}", escape(c))),
        on(source.follow, "follow"),
        on(source.previous, "previous"),
        on(source.timestamps, "timestamps"),
        since,
        tail,
    ];
    let query: Vec<String> = parts.into_iter().flatten().collect();
    format!("{}/log?{}", pod_path(&source.pod), query.join("&"))
}

fn chunks(body: Body) -> BoxStream<'static, Result<Bytes, ClusterError>> {
    body.into_data_stream().map_err(|e| errors::translate_any(&e)).boxed()
}

/// The rest of the stream, and the line that is not complete yet.
struct Lines {
    chunks: BoxStream<'static, Result<Bytes, ClusterError>>,
    chunk: Bytes,
    line: Vec<u8>,
    /// Number of bytes of the line that were dropped.
    cut: usize,
    ended: bool,
}

fn lines(chunks: BoxStream<'static, Result<Bytes, ClusterError>>) -> BoxStream<'static, Result<Text, ClusterError>> {
    let start = Lines { chunks, chunk: Bytes::new(), line: Vec::new(), cut: 0, ended: false };
    stream::try_unfold(start, |mut lines| async move { Ok(lines.next().await?.map(|line| (line, lines))) }).boxed()
}

impl Lines {
    async fn next(&mut self) -> Result<Option<Text>, ClusterError> {
        loop {
            if let Some(end) = self.chunk.iter().position(|b| *b == b'\n') {
                let head = self.chunk.split_to(end + 1);
                self.keep(head.get(..end).unwrap_or_default());
                return Ok(Some(self.take()));
            }
            let rest = std::mem::take(&mut self.chunk);
            self.keep(&rest);
            if self.ended {
                return Ok(None);
            }
            if let Some(chunk) = self.chunks.next().await {
                self.chunk = chunk?;
                continue;
            }
            self.ended = true;
            if !self.line.is_empty() {
                return Ok(Some(self.take()));
            }
        }
    }

    fn keep(&mut self, bytes: &[u8]) {
        let room = LINE_BYTES_MAX.saturating_sub(self.line.len()).min(bytes.len());
        self.line.extend_from_slice(bytes.get(..room).unwrap_or_default());
        self.cut += bytes.len() - room;
    }

    fn take(&mut self) -> Text {
        let line = std::mem::take(&mut self.line);
        let cut = std::mem::take(&mut self.cut);
        let text = String::from_utf8_lossy(&line);
        // A program that draws a progress bar returns to the start of the line: only its last state counts.
        let text = text.trim_end_matches('\r');
        let text = text.rsplit('\r').next().unwrap_or(text);
        let mut text = Text::from(clean_lines(&without_escapes(text)));
        if cut > 0 {
            text.push_str(&format!(" … ({cut} bytes more)"));
        }
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::cluster::ClusterName;
    use crate::model::kind::KindId;

    async fn split(parts: &[&str]) -> Vec<String> {
        let parts: Vec<_> = parts.iter().map(|p| Ok(Bytes::copy_from_slice(p.as_bytes()))).collect();
        lines(stream::iter(parts).boxed()).map(|line| line.unwrap().to_string()).collect().await
    }

    #[tokio::test]
    async fn lines_are_put_together_over_chunks_and_made_harmless() {
        assert_eq!(split(&["a", "b\nc", "\n\nd"]).await, ["ab", "c", "", "d"]);
        assert_eq!(split(&["\u{1b}[31mred\u{1b}[0m\u{1b}]0;title\u{7} x\r\n"]).await, ["red x"]);
        assert_eq!(split(&["10%\r20%\r100%\n"]).await, ["100%"]);
        assert!(split(&[]).await.is_empty());
    }

    #[tokio::test]
    async fn a_line_without_end_is_cut_and_the_next_one_is_whole() {
        let long = "x".repeat(LINE_BYTES_MAX);
        let got = split(&[&long, "yyy", "\nnext\n"]).await;
        assert!(got[0].ends_with("… (3 bytes more)") && got[0].len() < LINE_BYTES_MAX + 64);
        assert_eq!(got[1], "next");
    }

    #[test]
    fn the_container_is_the_one_kubectl_would_choose() {
        let pod = |annotation: &str| {
            serde_json::json!({"metadata": {"annotations": {"kubectl.kubernetes.io/default-container": annotation}},
                "spec": {"initContainers": [{"name": "setup"}], "containers": [{"name": "app"}, {"name": "proxy"}]}})
        };
        assert_eq!(chosen(&pod("proxy")).as_deref(), Some("proxy"));
        assert_eq!(chosen(&pod("no-such")).as_deref(), Some("app"));
        assert_eq!(chosen(&serde_json::json!({})), None);
    }

    #[test]
    fn every_wish_is_in_the_path() {
        let pod = ObjectKey {
            cluster: ClusterName::new("a"),
            kind: KindId::new("", "Pod"),
            namespace: "ns".into(),
            name: "p".into(),
            uid: Text::default(),
        };
        let source = LogSource {
            pod,
            container: Text::default(),
            follow: true,
            previous: false,
            timestamps: true,
            since_s: Some(60),
            tail_lines: Some(9),
        };
        assert_eq!(
            log_path(&source, Some("app")),
            "/api/v1/namespaces/ns/pods/p/log?container=app&follow=true&timestamps=true&sinceSeconds=60&tailLines=9"
        );
    }
}
