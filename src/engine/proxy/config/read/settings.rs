//! Settings of the whole proxy: each stands in one document only.

use super::cluster::{count, set, text_map};
use super::credential::texts;
use super::{Piece, Reader};
use crate::config::schema::span;
use crate::config::tree::Node;
use crate::engine::proxy::config::{ProxyConfig, ReviewSettings};
use http::Uri;
use std::path::PathBuf;
use std::time::Duration;

/// Longest cache time of a review: the token may have been revoked in the meantime.
const REVIEW_CACHE_MAX: Duration = Duration::from_secs(300);

/// Keys that may be given once over all documents.
const ONCE: &[&str] = &["home", "region", "nearby", "allowLinkLocal", "callers", "limits", "audit", "cache"];

impl Reader<'_> {
    pub(super) fn settings(&mut self, pieces: &[Piece], config: &mut ProxyConfig) {
        for key in ONCE {
            let mut all = pieces.iter().filter_map(|piece| Some((piece, piece.root.get(key)?)));
            let Some((first, node)) = all.next() else { continue };
            for (other, again) in all {
                let message = format!("`{key}` is given twice: here and at {}", first.at(node));
                self.flaw(&other.at(again), message);
            }
            self.origin(*key, &first.at(node));
            for (inner, value) in node.entries() {
                self.origin(format!("{key}.{}", inner.text), &first.at(value));
            }
            match *key {
                "region" => node.text().unwrap_or_default().clone_into(&mut config.region),
                "nearby" => config.nearby = texts(Some(node)),
                "allowLinkLocal" => self.link_local(first, node),
                "callers" => self.callers(first, node, config),
                "limits" => self.limits(first, node, config),
                "audit" => self.audit(first, node, config),
                "cache" => set(&mut config.cache_discovery, node.get("discovery").and_then(Node::flag)),
                _ => {}
            }
        }
    }

    /// Reads the home cluster, after the clusters. If no document names one, the home of the context counts if it
    /// exists.
    pub(super) fn home(&mut self, pieces: &[Piece], config: &mut ProxyConfig) {
        let given = pieces.iter().find_map(|piece| Some((piece, piece.root.get("home")?)));
        config.home = match given {
            Some((piece, node)) => {
                let name = node.text().unwrap_or_default();
                self.target(&piece.at(node), name, &config.clusters)
            }
            None => self.context.home.and_then(|home| config.clusters.iter().position(|c| &*c.name == home)),
        };
    }

    fn link_local(&mut self, piece: &Piece, node: &Node) {
        let wanted = node.flag().unwrap_or(false);
        if wanted && piece.folder.is_none() {
            self.flaw(
                &piece.at(node),
                "`allowLinkLocal` is for local files only: it guards against this very document",
            );
            return;
        }
        self.allows_link_local = wanted;
    }

    fn callers(&mut self, piece: &Piece, node: &Node, config: &mut ProxyConfig) {
        let callers = &mut config.callers;
        callers.client_ca = self.pem(piece, node, ("clientCAData", "clientCAFile"));
        callers.groups = texts(node.get("groups"));
        for (uid, user) in node.get("uids").map(text_map).unwrap_or_default() {
            match uid.parse::<u32>() {
                Ok(uid) if !user.is_empty() => drop(callers.uids.insert(uid, user)),
                Ok(_) | Err(_) => {
                    let at = piece.at(node.get("uids").unwrap_or(node));
                    self.flaw(&at, "`uids`: expected user names by uid, such as \"1000\": ann");
                }
            }
        }
        if let Some(review) = node.get("tokenReview") {
            let cache = review.get("cache").and_then(span).unwrap_or(Duration::from_secs(10));
            if cache > REVIEW_CACHE_MAX {
                self.flaw(&piece.at(review), "`cache` is at most 5m: a token may be revoked");
            }
            callers.token_review = Some(ReviewSettings { audiences: texts(review.get("audiences")), cache });
        }
        callers.allowed_origins = texts(node.get("allowedOrigins"));
        if let Some(wrong) = callers.allowed_origins.iter().find(|origin| *origin != "*" && !is_origin(origin)) {
            let message = format!(
                "`allowedOrigins`: {wrong:?} is no origin: write scheme, host and port as in https://console.example.com:8443, or *"
            );
            self.flaw(&piece.at(node.get("allowedOrigins").unwrap_or(node)), message);
        }
        let system = ["system:masters", "system:nodes"];
        if callers.groups.iter().any(|group| system.contains(&group.as_str())) {
            let at = piece.at(node.get("groups").unwrap_or(node));
            self.flaw(&at, "`groups` may not name system:masters or system:nodes");
        }
    }

    fn limits(&mut self, piece: &Piece, node: &Node, config: &mut ProxyConfig) {
        let limits = &mut config.limits;
        set(&mut limits.per_caller, node.get("perCaller").and_then(count));
        set(&mut limits.in_flight, node.get("inFlight").and_then(count));
        set(&mut limits.long_running, node.get("longRunning").and_then(count));
        set(&mut limits.connections, node.get("connections").and_then(count));
        set(&mut limits.request_timeout, node.get("requestTimeout").and_then(span));
        if limits.request_timeout < Duration::from_secs(1) {
            let at = piece.at(node.get("requestTimeout").unwrap_or(node));
            self.flaw(&at, "`requestTimeout` is at least 1s");
        }
    }

    fn audit(&mut self, piece: &Piece, node: &Node, config: &mut ProxyConfig) {
        let standard_output = |node: &Node| node.text() == Some("-");
        config.audit.path = node.get("path").and_then(|path| {
            if standard_output(path) { Some(PathBuf::from("-")) } else { self.path(piece, path, "path") }
        });
        config.audit.policy = node.get("policy").and_then(|policy| self.path(piece, policy, "policy"));
        set(&mut config.audit.max_bytes, node.get("maxBytes").and_then(|n| u64::try_from(n.whole()?).ok()));
        set(&mut config.audit.max_files, node.get("maxFiles").and_then(count));
        set(&mut config.audit.blocking, node.get("blocking").and_then(Node::flag));
    }
}

/// Returns true for an origin as browsers write it: scheme, host, and a port other than the scheme's default.
fn is_origin(text: &str) -> bool {
    let Ok(uri) = text.parse::<Uri>() else { return false };
    let host = uri.authority().is_some_and(|authority| {
        let fit = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '.' | '_' | ':' | '[' | ']');
        authority.as_str().chars().all(fit) && (authority.port().is_none() || authority.port_u16().is_some())
    });
    matches!(uri.scheme_str(), Some("http" | "https"))
        && host
        && uri.query().is_none()
        && !text.ends_with(['/', ':'])
        && uri.path() == "/"
}
