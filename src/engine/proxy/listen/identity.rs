//! What this proxy is to its clients: its authority, the certificate it shows, its names, its token.

use super::authority::{Authority, LEAF_LIFE, Leaf, NAMES};
use crate::engine::clock::Running;
use crate::engine::files::private;
use crate::engine::k8s::endpoint::Secret;
use crate::engine::proxy::options::ServeOptions;
use crate::error::{ErrorKind, UserError};
use crate::model::time::UnixSeconds;
use arc_swap::ArcSwap;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use parking_lot::Mutex;
use rustls::server::{ClientHello, ResolvesServerCert};
use rustls::sign::CertifiedKey;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;
use tokio_util::sync::CancellationToken;

/// Interval between two looks at the wall clock: a laptop that slept has missed a timer.
const LOOK: Duration = Duration::from_secs(60);

/// Shortest token, in characters: 256 random bits as base64url have 43, and a token from a file must not be much
/// weaker.
const TOKEN_MIN: usize = 32;

/// The certificate authority, the server certificate in force and the token of a proxy.
pub struct Identity {
    authority: Authority,
    token: Secret,
    names: Mutex<Vec<String>>,
    leaf: ArcSwap<Leaf>,
}

impl std::fmt::Debug for Identity {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Identity").field("authority", &self.authority).finish_non_exhaustive()
    }
}

impl Identity {
    /// Reads the authority and the token, or makes them, and issues the first certificate.
    ///
    /// Fails if a file of the state folder, the shared authority or the token is unusable, or if a name of the options
    /// is neither a host name nor an IP address.
    pub fn load(options: &ServeOptions, now: UnixSeconds) -> Result<Self, UserError> {
        let authority = match &options.ca_dir {
            Some(folder) => Authority::shared(folder, now)?,
            None => Authority::kept(&options.state_dir, now)?,
        };
        let token = match &options.token_file {
            Some(path) => shared_token(path)?,
            None => kept_token(&options.state_dir, options.new_token)?,
        };
        let names: Vec<String> =
            NAMES.iter().map(|&name| name.to_owned()).chain(options.names.iter().cloned()).collect();
        let leaf = authority.issue(&names, now).map_err(|why| {
            UserError::new(ErrorKind::Usage, why).hint("--san takes host names and IP addresses without a port")
        })?;
        Ok(Self { authority, token, names: Mutex::new(names), leaf: ArcSwap::from_pointee(leaf) })
    }

    /// The certificate that clients verify this proxy with, PEM.
    pub fn ca(&self) -> &str {
        self.authority.pem()
    }

    /// The authority that signs this proxy's certificates.
    pub fn authority(&self) -> &Authority {
        &self.authority
    }

    /// The bearer token that callers send.
    pub fn token(&self) -> &Secret {
        &self.token
    }

    /// Host names and addresses by which clients may call this proxy.
    pub fn names(&self) -> Vec<String> {
        self.names.lock().clone()
    }

    /// The time the certificate in force expires.
    pub fn not_after(&self) -> UnixSeconds {
        self.leaf.load().not_after
    }

    /// Adds names and issues a certificate with all of them.
    ///
    /// Fails if no certificate can be issued; the one in force stays, and the names are kept for the next.
    pub fn rename(&self, more: impl IntoIterator<Item = String>, now: UnixSeconds) -> Result<(), String> {
        {
            let mut names = self.names.lock();
            for name in more {
                if !names.contains(&name) {
                    names.push(name);
                }
            }
        }
        self.reissue(now)
    }

    /// Replaces the certificate; open connections keep theirs.
    ///
    /// Fails if no certificate can be issued; the one in force stays.
    pub fn reissue(&self, now: UnixSeconds) -> Result<(), String> {
        let names = self.names();
        self.leaf.store(Arc::new(self.authority.issue(&names, now)?));
        Ok(())
    }

    /// Returns true if a third of the certificate's life is left, or less.
    pub fn is_due(&self, now: UnixSeconds) -> bool {
        let rest = u64::try_from(self.not_after().0.saturating_sub(now.0)).unwrap_or(0);
        rest <= LEAF_LIFE.as_secs() / 3
    }

    /// Replaces the certificate at two thirds of its life, until cancelled.
    pub async fn rotate(&self, clock: &Running, ended: &CancellationToken) {
        let mut tick = tokio::time::interval(LOOK);
        tick.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                () = ended.cancelled() => return,
                _ = tick.tick() => {}
            }
            let now = clock.moment().wall;
            // An authority that itself ends soon would be asked every time.
            if !self.is_due(now) || self.authority.not_after() <= self.not_after() {
                continue;
            }
            match self.reissue(now) {
                Ok(()) => tracing::info!("the server certificate was replaced"),
                Err(why) => tracing::error!(why, "the server certificate could not be replaced"),
            }
        }
    }
}

/// Returns the certificate in force for every server name: many clients send none, or an address.
#[derive(Debug)]
pub(super) struct Shown(pub(super) Arc<Identity>);

impl ResolvesServerCert for Shown {
    fn resolve(&self, _hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        Some(Arc::clone(&self.0.leaf.load().key))
    }
}

fn kept_token(folder: &Path, is_new: bool) -> Result<Secret, UserError> {
    let path = folder.join("token");
    let refused = |why: String| {
        UserError::new(ErrorKind::Config, format!("the token in {} is unusable", path.display()))
            .cause(why)
            .hint("start with --new-token to make another")
    };
    private::folder(folder)?;
    if is_new {
        let made = fresh_token().map_err(refused)?;
        private::replace(&path, made.0.as_bytes(), 0o600).map_err(|why| refused(why.to_string()))?;
        return Ok(made);
    }
    let text = match private::private(&path).map_err(refused)? {
        Some(text) => text,
        None => private::first(&path, &fresh_token().map_err(refused)?.0)?,
    };
    checked(&text).map_err(refused)
}

fn shared_token(path: &Path) -> Result<Secret, UserError> {
    let text = private::bounded(path).and_then(|text| checked(&text));
    text.map_err(|why| {
        UserError::new(ErrorKind::Config, format!("the token in {} is unusable", path.display()))
            .cause(why)
            .hint("make one with `openssl rand -hex 32`")
    })
}

/// Checks that a token can stand in a header and is too long to guess.
fn checked(text: &str) -> Result<Secret, String> {
    let text = text.trim();
    if text.len() < TOKEN_MIN {
        return Err(format!("it is shorter than {TOKEN_MIN} characters"));
    }
    if !text.bytes().all(|byte| byte.is_ascii_graphic()) {
        return Err("it holds characters that cannot stand in a header".to_owned());
    }
    Ok(Secret(text.to_owned()))
}

fn fresh_token() -> Result<Secret, String> {
    let mut bytes = [0_u8; 32];
    let random = rustls::crypto::aws_lc_rs::default_provider().secure_random;
    random.fill(&mut bytes).map_err(|_| "the system gave no random bytes".to_owned())?;
    Ok(Secret(URL_SAFE_NO_PAD.encode(bytes)))
}
