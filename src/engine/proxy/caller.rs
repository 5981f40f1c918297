//! Who asks. Nothing is routed, and no credential added, before this is known.

pub mod bearer;
pub mod certificate;
pub mod review;
pub mod socket;
pub mod token;

use super::caller::bearer::bearer;
use crate::engine::clock;
use crate::engine::proxy::config::CallerSettings;
use crate::engine::proxy::refusal::Refusal;
use http::{HeaderMap, HeaderValue};
use std::collections::BTreeMap;
use std::sync::Arc;

/// `WWW-Authenticate` of every 401.
pub const CHALLENGE: HeaderValue = HeaderValue::from_static("Bearer realm=\"quarterdeck\"");

/// Means of authentication.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Means {
    /// The token this proxy made and published.
    Token,
    /// A client certificate of a configured CA.
    Certificate,
    /// The uid at the other end of a Unix socket.
    Socket,
    /// A ServiceAccount token, reviewed by the home cluster.
    Review,
}

/// An authenticated caller.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Caller {
    /// User name, as rules and API servers see it.
    pub user: Arc<str>,
    /// Groups of the user.
    pub groups: Arc<[Arc<str>]>,
    /// Uid of the user; `None` if the means of authentication gives none.
    pub uid: Option<Arc<str>>,
    /// Extra attributes, as a TokenReview returns them.
    pub extra: Arc<BTreeMap<String, Vec<String>>>,
    /// Means by which the caller was authenticated.
    pub means: Means,
}

impl Caller {
    /// Creates a caller without groups.
    pub fn plain(user: &str, means: Means) -> Self {
        Self { user: user.into(), groups: Arc::default(), uid: None, extra: Arc::default(), means }
    }

    /// Creates a caller with the published token, for tests.
    #[cfg(test)]
    pub(in crate::engine::proxy) fn in_groups(user: &str, groups: &[&str]) -> Self {
        let groups = groups.iter().map(|group| Arc::from(*group)).collect();
        Self { groups, ..Self::plain(user, Means::Token) }
    }
}

/// Credentials of the client's connection, verified when it was accepted.
#[derive(Debug, Clone, Copy, Default)]
pub struct Shown<'a> {
    /// The client's leaf certificate, DER, which the TLS handshake verified against the configured CA; `None` without
    /// one.
    pub certificate: Option<&'a [u8]>,
    /// Uid of the process at the other end of a Unix socket, from the kernel; `None` on TCP.
    pub uid: Option<u32>,
}

/// All means of authentication.
#[derive(Debug, Default)]
pub struct Callers {
    /// Tokens this proxy made.
    pub tokens: token::Tokens,
    /// Client certificates of a configured CA.
    pub certificates: certificate::Certificates,
    /// Uids that may use the Unix socket.
    pub sockets: socket::Uids,
    /// Review of ServiceAccount tokens; only for a proxy that serves other machines.
    pub reviews: Option<review::Reviews>,
    /// Caller with the published token.
    local: Option<Arc<Caller>>,
}

impl Callers {
    /// Builds the means from the configuration, for a process of the `own` uid and user name. No token is valid yet.
    pub fn new(settings: &CallerSettings, own: (u32, &str), reviews: Option<review::Reviews>) -> Self {
        let groups: Arc<[Arc<str>]> = settings.groups.iter().map(|group| Arc::from(group.as_str())).collect();
        let mut local = Caller::plain(own.1, Means::Token);
        local.groups = Arc::clone(&groups);
        Self {
            tokens: token::Tokens::default(),
            certificates: certificate::Certificates::default(),
            sockets: socket::Uids::new(own, &settings.uids, &groups),
            reviews,
            local: Some(Arc::new(local)),
        }
    }

    /// The caller with the published token.
    pub fn local(&self) -> Option<&Arc<Caller>> {
        self.local.as_ref()
    }

    /// Replaces the valid tokens: the published one comes first, then the tokens it replaced.
    pub fn accept<'a>(&self, tokens: impl IntoIterator<Item = &'a str>) {
        if let Some(local) = &self.local {
            self.tokens.replace(tokens.into_iter().map(|token| (token, Arc::clone(local))));
        }
    }

    /// Returns the caller of a request: by its certificate, else by its uid, else by its bearer token.
    ///
    /// Fails with 401 if none of them is known, with the same message for every cause; with 503 or 429 if the home
    /// cluster must review the token and cannot.
    pub async fn authenticate(&self, headers: &HeaderMap, shown: Shown<'_>) -> Result<Arc<Caller>, Refusal> {
        if let Some(caller) = shown.certificate.and_then(|der| self.certificates.caller(der, clock::now())) {
            return Ok(caller);
        }
        if let Some(caller) = shown.uid.and_then(|uid| self.sockets.caller(uid)) {
            return Ok(caller);
        }
        let Ok(Some(token)) = bearer(headers) else {
            return Err(unknown());
        };
        let digest = token::Digest::of(&token);
        if let Some(caller) = self.tokens.caller(&digest) {
            return Ok(caller);
        }
        match &self.reviews {
            Some(reviews) => Box::pin(reviews.caller(&token, digest)).await,
            None => Err(unknown()),
        }
    }
}

fn unknown() -> Refusal {
    Refusal::new(
        401,
        "Unauthorized",
        "unauthenticated",
        "the proxy does not know the caller: use the kubeconfig or the token it published",
    )
}

#[cfg(test)]
mod tests;
