//! Token review: the home cluster names the user of a token. The only request of this adapter that is not a GET.
//! Nothing changes in the cluster; a TokenReview is answered and not stored.

use super::Connection;
use crate::engine::cluster::ClusterError;
use crate::engine::k8s::endpoint::Secret;
use crate::engine::k8s::errors;
use crate::model::text::Text;
use http::Request;
use http_body_util::{BodyExt as _, Limited};
use serde::Deserialize;
use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

/// The only path that is written to.
const PATH: &str = "/apis/authentication.k8s.io/v1/tokenreviews";

/// Maximum size of an answer, which is a user with its groups.
const ANSWER_BYTES_MAX: usize = 1024 * 1024;

/// The result of a token review.
#[derive(Clone, PartialEq, Eq)]
pub enum Reviewed {
    /// The token is valid: its user, with the uid, the groups and the extra fields of `UserInfo`.
    Known {
        /// `username`.
        user: String,
        /// `uid`; empty if there is none.
        uid: String,
        /// `groups`.
        groups: Vec<String>,
        /// `extra`.
        extra: BTreeMap<String, Vec<String>>,
    },
    /// The token is not valid, or is for none of the requested audiences.
    Unknown,
}

impl fmt::Debug for Reviewed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Known { user, .. } => f.debug_struct("Known").field("user", user).finish_non_exhaustive(),
            Self::Unknown => f.write_str("Unknown"),
        }
    }
}

#[derive(Deserialize)]
struct Review {
    #[serde(default)]
    status: Status,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Status {
    authenticated: bool,
    user: User,
    audiences: Vec<String>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct User {
    username: String,
    uid: String,
    groups: Vec<String>,
    extra: BTreeMap<String, Vec<String>>,
}

impl Connection {
    /// Returns the user of `token`, within `deadline`. With `audiences`, a token for none of them is unknown; without,
    /// the API server expects its own audience. Fails if the server's URL is http, if the credentials cannot be
    /// prepared, if the server does not answer in time or refuses the review, or if its answer is not a TokenReview;
    /// never because of the token.
    pub async fn review(
        &self,
        token: &Secret,
        audiences: &[String],
        deadline: Duration,
    ) -> Result<Reviewed, ClusterError> {
        if !self.credentials.endpoint().has_tls() {
            let why = "a caller's token is not sent over http; use https:// in the home cluster's server";
            return Err(ClusterError::Failed(Text::const_new(why)));
        }
        self.log_in().await?;
        let body = serde_json::json!({
            "apiVersion": "authentication.k8s.io/v1",
            "kind": "TokenReview",
            "spec": { "token": token.0, "audiences": audiences },
        });
        let request = Request::post(PATH)
            .header(http::header::ACCEPT, "application/json")
            .header(http::header::CONTENT_TYPE, "application/json")
            .body(kube::client::Body::from(body.to_string().into_bytes()))
            .map_err(|_| ClusterError::Failed(Text::const_new("the review could not be written")))?;
        let all = async {
            let answer = self.client.send(request).await.map_err(|e| errors::translate(&e))?;
            let status = answer.status();
            let body = Limited::new(answer.into_body(), ANSWER_BYTES_MAX).collect().await;
            let bytes = body.map_err(|e| errors::translate_any(&*e))?.to_bytes();
            if status.is_success() { read(&bytes, audiences) } else { Err(errors::of_status(status, &bytes)) }
        };
        match tokio::time::timeout(deadline, all).await {
            Ok(result) => result,
            Err(_) => Err(errors::timed_out(deadline, &self.address)),
        }
    }
}

fn read(bytes: &[u8], audiences: &[String]) -> Result<Reviewed, ClusterError> {
    let review: Review = serde_json::from_slice(bytes).map_err(|e| errors::not_json(bytes, &e))?;
    let Status { authenticated, user, audiences: meant } = review.status;
    // A server that knows no audiences returns none: its word is not enough where some were asked for.
    let for_us = audiences.is_empty() || audiences.iter().any(|one| meant.contains(one));
    if !authenticated || !for_us || user.username.is_empty() {
        return Ok(Reviewed::Unknown);
    }
    Ok(Reviewed::Known { user: user.username, uid: user.uid, groups: user.groups, extra: user.extra })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_review_is_read_as_the_server_means_it() {
        let known = br#"{"status":{"authenticated":true,"audiences":["qd"],"user":{"username":"u","groups":["g"]}}}"#;
        let user = |audiences: &[&str]| {
            read(known, &audiences.iter().map(|a| (*a).to_owned()).collect::<Vec<_>>()).map(|r| r != Reviewed::Unknown)
        };
        assert_eq!(user(&[]), Ok(true));
        assert_eq!(user(&["other", "qd"]), Ok(true));
        assert_eq!(user(&["other"]), Ok(false));
        for unknown in [
            r#"{"status":{"authenticated":false,"user":{"username":"u"}}}"#,
            r#"{"status":{"user":{"username":"u"}}}"#,
            r#"{"status":{"authenticated":true}}"#,
            r#"{"status":{"error":"expired"}}"#,
            "{}",
        ] {
            assert_eq!(read(unknown.as_bytes(), &[]), Ok(Reviewed::Unknown), "{unknown}");
        }
        assert!(read(b"<html>", &[]).is_err());
    }
}
