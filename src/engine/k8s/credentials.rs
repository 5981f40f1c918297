//! The credentials of an endpoint: what is added to each request and each connection, kept current.

pub(crate) mod files;
pub mod plugin;

use crate::engine::clock;
use crate::engine::cluster::ClusterError;
use crate::engine::k8s::endpoint::{Endpoint, Material, Secret};
use crate::engine::k8s::errors;
use crate::engine::k8s::tls::{self, Identity, Trust};
use crate::model::cluster::WITHHELD;
use crate::model::text::{Text, clean};
use crate::model::time::{UnixSeconds, human};
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use files::Files;
use http::HeaderValue;
use parking_lot::Mutex;
use plugin::{Answered, Plugins};
use std::sync::Arc;

/// The credentials of one request.
#[derive(Debug, Clone)]
pub(crate) struct RequestCredentials {
    /// Value of the `Authorization` header, marked as sensitive so that no log shows it; `None` without a token.
    pub(crate) authorization: Option<HeaderValue>,
    pub(crate) trust: Arc<Trust>,
    /// Number of the answer of the plugin that it comes from; `None` without a plugin.
    answer: Option<u64>,
}

impl RequestCredentials {
    /// Returns true if a request would be sent in the same way with `other`.
    pub(crate) fn is_same(&self, other: &Self) -> bool {
        self.authorization == other.authorization && self.trust == other.trust && self.answer == other.answer
    }
}

/// The credentials of one endpoint.
#[derive(Debug)]
pub(crate) struct Credentials {
    endpoint: Arc<Endpoint>,
    /// The endpoint has credentials, and they are not used: the server is on plain http.
    withheld: bool,
    plugins: Arc<Plugins>,
    files: Files,
    /// The trust of the last grant, so that an unchanged one is shared.
    trust: Mutex<Option<Arc<Trust>>>,
    /// When the credentials of the last grant expire, and which of them does first.
    expiry: Mutex<Option<(UnixSeconds, Text)>>,
}

impl Credentials {
    /// Binds credentials to an endpoint: the only place that decides whether they may be sent there at all.
    pub(crate) fn new(endpoint: Arc<Endpoint>, plugins: Arc<Plugins>) -> Self {
        let withheld = endpoint.withholds_credentials();
        let endpoint = endpoint.without_secrets_in_the_clear();
        Self { endpoint, withheld, plugins, files: Files::default(), trust: Mutex::new(None), expiry: Mutex::new(None) }
    }

    /// Returns true if the endpoint has credentials and they are not sent.
    pub(crate) fn are_withheld(&self) -> bool {
        self.withheld
    }

    pub(crate) fn endpoint(&self) -> &Endpoint {
        &self.endpoint
    }

    /// Returns the credentials as they are now. Checks the files, and runs the plugin if its last answer has expired;
    /// both are cached, so this is cheap. Fails if a file cannot be read, if the plugin fails, if a client certificate
    /// or a client key stands alone, or if the token is empty or cannot be a header value.
    pub(crate) async fn grant(&self) -> Result<RequestCredentials, ClusterError> {
        let user = &self.endpoint.user;
        let ca = match &self.endpoint.ca {
            Some(material) => Some(self.files.read(material, "certificate-authority").await?),
            None => None,
        };
        let answered = match &user.exec {
            Some(exec) => Some(self.plugins.answer(exec, &self.endpoint, ca.as_deref().map(Vec::as_slice)).await?),
            None => None,
        };
        let token = match &user.token {
            Some(material) => Some(self.token(material).await?),
            None => None,
        };
        let identity = self.identity(answered.as_deref()).await?;
        let authorization = self.authorization(token, answered.as_deref())?;
        *self.expiry.lock() = soonest(authorization.as_ref(), identity.as_ref(), answered.as_deref());
        let insecure = self.endpoint.insecure;
        let trust = self.keep(Trust { ca: ca.map(|pem| pem.to_vec()), insecure, identity });
        Ok(RequestCredentials { authorization, trust, answer: answered.map(|a| a.number) })
    }

    /// Returns other credentials than those that got a 401; `None` if there are no others. Fails as
    /// [`Credentials::grant`].
    pub(crate) async fn renew(
        &self,
        rejected: &RequestCredentials,
    ) -> Result<Option<RequestCredentials>, ClusterError> {
        self.files.forget();
        if let (Some(exec), Some(number)) = (&self.endpoint.user.exec, rejected.answer) {
            self.plugins.reject(exec, &self.endpoint, number);
        }
        let newer = self.grant().await?;
        let changed = newer.answer != rejected.answer
            || newer.authorization != rejected.authorization
            || newer.trust != rejected.trust;
        Ok(changed.then_some(newer))
    }

    /// When the first of the present credentials expires, and which of them it is; `None` if none is known to.
    pub(crate) fn expiry(&self) -> Option<(UnixSeconds, Text)> {
        self.expiry.lock().clone()
    }

    /// The error for a 401, with advice; `said` is the server's own message.
    pub(crate) fn refused(&self, said: &str) -> ClusterError {
        let user = &self.endpoint.user;
        let ended = self.expiry().map(|(at, what)| (clock::now().since(at), what)).filter(|(ago, _)| *ago > 0);
        let hint = match (ended, &user.exec) {
            _ if self.withheld => WITHHELD.to_owned(),
            (Some((ago, what)), None) => format!("the {what} expired {} ago; renew it in the kubeconfig", human(ago)),
            (_, Some(exec)) => {
                format!("log in again: the server does not accept what `{}` gives", clean(&exec.command))
            }
            (None, None) if user.token.is_some() => "the token is not accepted; get a new one".to_owned(),
            (None, None) if user.basic.is_some() => "user and password are not accepted".to_owned(),
            (None, None) if user.client_certificate.is_some() => {
                "the client certificate is not accepted; renew it".to_owned()
            }
            (None, None) => {
                "the context names no credentials; give its user a token, a certificate or a plugin".to_owned()
            }
        };
        let said = errors::sentence(said);
        let said = said.strip_prefix("Unauthorized: ").unwrap_or(&said);
        // What the server says beyond its code is nearer to what to do than what we can guess: a command is all one needs.
        let text = match said {
            "" | "Unauthorized" => hint,
            said if said.contains('`') => said.to_owned(),
            said => format!("{hint} ({said})"),
        };
        ClusterError::AuthNeeded(Text::from(text))
    }

    async fn token(&self, material: &Material) -> Result<String, ClusterError> {
        let bytes = self.files.read(material, "token").await?;
        let token = String::from_utf8_lossy(&bytes).trim().to_owned();
        if token.is_empty() { Err(needed("the token is empty")) } else { Ok(token) }
    }

    async fn identity(&self, answered: Option<&Answered>) -> Result<Option<Identity>, ClusterError> {
        let user = &self.endpoint.user;
        match (&user.client_certificate, &user.client_key) {
            (Some(certificate), Some(key)) => {
                let certificate = self.files.read(certificate, "client-certificate").await?.to_vec();
                let key = self.files.read(key, "client-key").await?;
                let key = Secret(String::from_utf8_lossy(&key).into_owned());
                Ok(Some(Identity { certificate, key }))
            }
            (Some(_), None) => Err(needed("the user has a client-certificate and no client-key")),
            (None, Some(_)) => Err(needed("the user has a client-key and no client-certificate")),
            (None, None) => Ok(answered.and_then(|a| a.identity.clone())),
        }
    }

    /// The `Authorization` header. Configured credentials win over those of a plugin, as with kubectl.
    fn authorization(
        &self,
        token: Option<String>,
        answered: Option<&Answered>,
    ) -> Result<Option<HeaderValue>, ClusterError> {
        let text = match (token, &self.endpoint.user.basic, answered.and_then(|a| a.token.as_ref())) {
            (Some(token), _, _) => format!("Bearer {token}"),
            (None, Some((user, password)), _) => format!("Basic {}", STANDARD.encode(format!("{user}:{}", password.0))),
            (None, None, Some(token)) => format!("Bearer {}", token.0),
            (None, None, None) => return Ok(None),
        };
        let mut value = HeaderValue::from_str(&text).map_err(|_| needed("the token holds characters no token has"))?;
        value.set_sensitive(true);
        Ok(Some(value))
    }

    fn keep(&self, trust: Trust) -> Arc<Trust> {
        let mut last = self.trust.lock();
        match &*last {
            Some(same) if **same == trust => Arc::clone(same),
            _ => Arc::clone(last.insert(Arc::new(trust))),
        }
    }
}

fn needed(text: &str) -> ClusterError {
    ClusterError::AuthNeeded(Text::new(text))
}

fn soonest(
    authorization: Option<&HeaderValue>,
    identity: Option<&Identity>,
    answered: Option<&Answered>,
) -> Option<(UnixSeconds, Text)> {
    // A plugin's own answers are renewed by themselves: their end is nobody's worry.
    if answered.is_some() {
        return None;
    }
    let token = authorization.and_then(|a| a.to_str().ok()?.strip_prefix("Bearer ").and_then(jwt_expiry));
    let certificate = identity.and_then(|i| tls::pem_not_after(&i.certificate));
    let named = |at: Option<UnixSeconds>, what: &str| at.map(|at| (at, Text::new(what)));
    [named(token, "token"), named(certificate, "client certificate")].into_iter().flatten().min_by_key(|(at, _)| *at)
}

/// The `exp` of a JWT. Not verified: that is the server's task.
fn jwt_expiry(token: &str) -> Option<UnixSeconds> {
    #[derive(serde::Deserialize)]
    struct Claims {
        exp: f64,
    }
    let payload = token.split('.').nth(1)?;
    let bytes = URL_SAFE_NO_PAD.decode(payload.trim_end_matches('=')).ok()?;
    let claims: Claims = serde_json::from_slice(&bytes).ok()?;
    #[expect(clippy::cast_possible_truncation, reason = "a saturating cast of a date is what is wanted")]
    Some(UnixSeconds(claims.exp as i64))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_end_of_a_token_is_read_from_it() {
        let token = |claims: &str| format!("h.{}.s", URL_SAFE_NO_PAD.encode(claims));
        assert_eq!(jwt_expiry(&token(r#"{"exp":1700000000}"#)), Some(UnixSeconds(1_700_000_000)));
        assert_eq!(jwt_expiry(&token(r#"{"exp":1.7e9,"iss":"x"}"#)), Some(UnixSeconds(1_700_000_000)));
        assert_eq!(jwt_expiry(&token("{}")), None);
        assert_eq!(jwt_expiry("opaque"), None);
        assert_eq!(jwt_expiry("a.!!.c"), None);
    }
}
