//! The meaning of an answer for a change: done, certainly not done, or unknown.

use crate::engine::cluster::{ClusterError, WriteError};
use crate::engine::k8s::client::sending::Unanswered;
use crate::engine::k8s::errors;
use crate::model::text::Text;
use http::StatusCode;
use serde::Deserialize;
use serde_json::Value;
use std::time::Duration;

/// The part of a `metav1.Status` that counts.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Status {
    kind: String,
    message: String,
    details: Option<Details>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct Details {
    retry_after_seconds: u64,
}

/// Reads a whole answer.
pub(super) fn read(status: StatusCode, body: &[u8]) -> Result<Value, WriteError> {
    if status.is_success() {
        // It was done; only the object is missing, so the caller has to look.
        return serde_json::from_slice(body).map_err(|e| WriteError::Unknown(text(&errors::not_json(body, &e))));
    }
    let told: Status =
        serde_json::from_slice(body).ok().filter(|told: &Status| told.kind == "Status").unwrap_or_default();
    let pause = told.details.map_or(0, |details| details.retry_after_seconds);
    let pause = (pause > 0).then(|| errors::bounded(Duration::from_secs(pause)));
    let said = if told.message.trim().is_empty() {
        errors::of_status(status, body)
    } else {
        ClusterError::Failed(errors::sentence(&told.message))
    };
    Err(judge(status, &told.message, Said { text: text(&said), pause }))
}

/// Reads what is known where there is no whole answer.
pub(super) fn missing(unanswered: Unanswered) -> WriteError {
    match unanswered {
        Unanswered::NotSent(error) => WriteError::NotSent(text(&error)),
        Unanswered::Lost(error) => WriteError::Unknown(text(&error)),
        Unanswered::Status(status, error) => {
            let pause = match &error {
                ClusterError::Throttled { retry_after, .. } => *retry_after,
                ClusterError::Unreachable(_)
                | ClusterError::AuthNeeded(_)
                | ClusterError::Denied(_)
                | ClusterError::NotFound(_)
                | ClusterError::Expired
                | ClusterError::Failed(_) => None,
            };
            let text = text(&error);
            judge(status, text.clone().as_str(), Said { text, pause })
        }
    }
}

fn text(error: &ClusterError) -> Text {
    Text::from(error.to_string())
}

/// The server's sentence, fit to show, and its wish for a pause.
struct Said {
    text: Text,
    pause: Option<Duration>,
}

/// Decides by the status, and by the sentence where Kubernetes says the same with several statuses; `message` is the sentence
/// whole.
fn judge(status: StatusCode, message: &str, said: Said) -> WriteError {
    let Said { text, pause } = said;
    let code = status.as_u16();
    // A webhook chooses the status of its refusal itself; 400 is the default.
    let is_denial = message.contains("denied the request") || message.contains("denied request");
    match code {
        400..500 if is_denial => WriteError::Denied(text),
        400 if message.contains("does not support dry run") => WriteError::DryRunUnsupported(text),
        401 => WriteError::NotSent(text),
        403 => WriteError::Denied(text),
        404 => WriteError::NotFound(text),
        // A server that waited too long for something; it does not say for what.
        408 => WriteError::Unknown(text),
        409 => WriteError::Conflict(text),
        413 => WriteError::TooLarge(text),
        422 => WriteError::Invalid(text),
        429 => WriteError::Throttled { what: text, retry_after: pause },
        300..500 => WriteError::Refused(text),
        // Admission comes before storage: what could not be admitted was not stored.
        500 if message.contains("failed calling webhook") => WriteError::Refused(text),
        _ => WriteError::Unknown(text),
    }
}
