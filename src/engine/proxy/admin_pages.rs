//! The pages of a proxy's admin listener.

use crate::engine::admin::{AdminApi, Answer, Page};
use crate::engine::metrics::exposition::CONTENT_TYPE;
use crate::model::proxy::{Explanation, Routes, TrafficState};
use futures::future::BoxFuture;
use hyper::{Method, StatusCode};
use serde::{Deserialize, Serialize};
use std::fmt::Debug;
use std::sync::Arc;

/// The pages. Three need no token: a scraper and a kubelet read them.
pub const PAGES: &[Page] = &[
    Page { path: "/metrics", method: Method::GET, open: true, about: "Metrics, as OpenMetrics text" },
    Page { path: "/livez", method: Method::GET, open: true, about: "The process lives" },
    Page { path: "/readyz", method: Method::GET, open: true, about: "Clients may be sent here" },
    Page { path: "/health/clusters", method: Method::GET, open: false, about: "The clusters, with their health" },
    Page { path: "/config", method: Method::GET, open: false, about: "The effective configuration, secrets masked" },
    Page { path: "/routes", method: Method::GET, open: false, about: "The whole state, as the Routes view shows it" },
    Page { path: "/explain", method: Method::POST, open: false, about: "Which way a request would go" },
    Page { path: "/traffic", method: Method::POST, open: false, about: "Open, drain or block a cluster" },
    Page { path: "/reload", method: Method::POST, open: false, about: "Read the configuration again" },
];

/// The state of a proxy, and the commands it takes over its admin listener.
pub trait ProxyAdmin: Send + Sync + Debug + 'static {
    /// Appends all metrics as OpenMetrics text.
    fn metrics(&self, out: &mut String);

    /// Checks that clients may be sent here.
    ///
    /// Fails while the proxy drains. Everybody can read the reason without a token, so it names nothing of the
    /// configuration.
    fn ready(&self) -> Result<(), String>;

    /// Returns the whole state, as the Routes view shows it.
    fn routes(&self) -> Routes;

    /// Returns the effective configuration as text, secrets masked.
    fn config(&self) -> String;

    /// Explains the route of a request: `GET /api/v1/pods`, or a kubectl command line.
    ///
    /// Fails if the text is neither, or if the proxy has no published token and so no caller to test with.
    fn explain(&self, text: &str) -> Result<Explanation, String>;

    /// Drains, blocks or opens a cluster.
    ///
    /// Fails if no cluster has that name.
    fn set_traffic(&self, cluster: &str, state: TrafficState) -> Result<(), String>;

    /// Reads the configuration again.
    ///
    /// Fails if the new configuration is refused or does not come in time; the error is the reason.
    fn reload(&self) -> BoxFuture<'_, Result<(), String>>;
}

/// The body of `POST /traffic`.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct TrafficOrder {
    pub(crate) cluster: String,
    pub(crate) state: TrafficState,
}

/// Serves [`PAGES`] for one proxy.
#[derive(Debug, Clone)]
pub struct ProxyPages(pub Arc<dyn ProxyAdmin>);

impl AdminApi for ProxyPages {
    fn pages(&self) -> &'static [Page] {
        PAGES
    }

    fn answer<'a>(&'a self, page: &'static Page, body: String) -> BoxFuture<'a, Answer> {
        Box::pin(async move {
            match page.path {
                "/metrics" => {
                    let mut body = String::with_capacity(64 * 1_024);
                    self.0.metrics(&mut body);
                    Answer { status: StatusCode::OK, content_type: CONTENT_TYPE, body }
                }
                "/livez" => Answer::ok(),
                "/readyz" => done(self.0.ready(), StatusCode::SERVICE_UNAVAILABLE),
                "/health/clusters" => Answer::json(&self.0.routes().clusters),
                "/config" => Answer::text(StatusCode::OK, self.0.config()),
                "/routes" => Answer::json(&self.0.routes()),
                "/explain" => match self.0.explain(&body) {
                    Ok(explanation) => Answer::json(&explanation),
                    Err(why) => Answer::text(StatusCode::BAD_REQUEST, why),
                },
                "/traffic" => self.set_traffic(&body),
                "/reload" => done(self.0.reload().await, StatusCode::UNPROCESSABLE_ENTITY),
                _ => Answer::text(StatusCode::NOT_FOUND, "there is no such page"),
            }
        })
    }
}

impl ProxyPages {
    fn set_traffic(&self, body: &str) -> Answer {
        match serde_json::from_str::<TrafficOrder>(body) {
            Ok(order) => done(self.0.set_traffic(&order.cluster, order.state), StatusCode::NOT_FOUND),
            Err(why) => {
                let why =
                    format!("expected {{\"cluster\": NAME, \"state\": \"open\"|\"draining\"|\"blocked\"}}: {why}");
                Answer::text(StatusCode::BAD_REQUEST, why)
            }
        }
    }
}

fn done(outcome: Result<(), String>, refused: StatusCode) -> Answer {
    match outcome {
        Ok(()) => Answer::ok(),
        Err(why) => Answer::text(refused, why),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_a_scraper_and_a_kubelet_need_is_open() {
        let open: Vec<&str> = PAGES.iter().filter(|page| page.open).map(|page| page.path).collect();
        assert_eq!(open, ["/metrics", "/livez", "/readyz"]);
    }
}
