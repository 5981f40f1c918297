//! Answers the proxy gives itself: a Kubernetes `Status`, so that kubectl prints it well.

use std::borrow::Cow;

/// An answer of the proxy itself instead of a cluster's. The message is for the caller: it names no upstream address
/// and no secret.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refusal {
    /// The HTTP status.
    pub code: u16,
    /// `Status.reason`: `Forbidden`, `Expired`, `ServiceUnavailable`, ...
    pub reason: &'static str,
    /// `Status.message`, for the caller.
    pub message: Cow<'static, str>,
    /// Seconds for `Retry-After`; `None` sends no such header.
    pub retry_after: Option<u32>,
    /// The label of `qd_proxy_rejected_total`: one of a fixed, small set.
    pub label: &'static str,
    /// Sends the refusal as the first event of a watch, whose status is then 200.
    pub in_watch: bool,
}

impl Refusal {
    /// Creates a refusal with a fixed label, without `Retry-After`.
    pub fn new(code: u16, reason: &'static str, label: &'static str, message: impl Into<Cow<'static, str>>) -> Self {
        Self { code, reason, message: message.into(), retry_after: None, label, in_watch: false }
    }

    /// Sets `Retry-After`, in seconds.
    #[must_use]
    pub fn retry_after(mut self, seconds: u32) -> Self {
        self.retry_after = Some(seconds);
        self
    }

    /// Sends the refusal as an API server refuses a watch at an expired resource version: as its first event. Clients
    /// retry a watch that is refused by its status without a change, but list again after such an event.
    #[must_use]
    pub fn in_watch(mut self) -> Self {
        self.in_watch = true;
        self
    }

    /// The `Status` as a watch event, one line of JSON.
    pub fn event(&self) -> String {
        format!("{{\"type\":\"ERROR\",\"object\":{}}}\n", self.status())
    }

    /// The `v1` `Status` as JSON.
    pub fn status(&self) -> String {
        let mut status = serde_json::json!({
            "kind": "Status",
            "apiVersion": "v1",
            "metadata": {},
            "status": "Failure",
            "message": self.message,
            "reason": self.reason,
            "code": self.code,
        });
        if let (Some(seconds), Some(fields)) = (self.retry_after, status.as_object_mut()) {
            fields.insert("details".to_owned(), serde_json::json!({ "retryAfterSeconds": seconds }));
        }
        status.to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_status_says_what_clients_read() {
        let refusal =
            Refusal::new(503, "ServiceUnavailable", "no_endpoint", "prod has no endpoint left").retry_after(1);
        let status: serde_json::Value = serde_json::from_str(&refusal.status()).expect("JSON");
        assert_eq!(status["code"], 503);
        assert_eq!(status["details"]["retryAfterSeconds"], 1);
        assert_eq!(status["message"], "prod has no endpoint left");
    }
}
