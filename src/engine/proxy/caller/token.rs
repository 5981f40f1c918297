//! Tokens the proxy made: several at a time, so that one can follow another.

use super::Caller;
use arc_swap::ArcSwap;
use rustls::crypto::aws_lc_rs::cipher_suite::TLS13_AES_128_GCM_SHA256;
use rustls::crypto::hash::Output;
use std::fmt;
use std::hash::{Hash, Hasher};
use std::sync::Arc;
use subtle::{Choice, ConstantTimeEq as _};

/// The SHA-256 of a token. All digests have one length, so that a comparison reveals nothing about the length of the
/// token.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Digest([u8; 32]);

impl Digest {
    /// Computes the digest of a token.
    pub fn of(token: &str) -> Self {
        // The TLS library's own SHA-256: no second one in the program.
        let suite = TLS13_AES_128_GCM_SHA256.tls13();
        let output: Option<Output> = suite.map(|suite| suite.common.hash_provider.hash(token.as_bytes()));
        let mut digest = [0; 32];
        if let Some(bytes) = output.as_ref().and_then(|output| output.as_ref().get(..32)) {
            digest.copy_from_slice(bytes);
        }
        Self(digest)
    }
}

// Not even the digest of a token is shown: a weak one could be guessed from it.
impl fmt::Debug for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[redacted]")
    }
}

impl Hash for Digest {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.0.hash(state);
    }
}

/// The valid tokens. They are replaced as a whole: a request sees the old ones or the new ones.
#[derive(Debug, Default)]
pub struct Tokens(ArcSwap<Vec<(Digest, Arc<Caller>)>>);

/// Bound on valid tokens: the current one, the previous one, and some for others.
pub const TOKENS_MAX: usize = 16;

impl Tokens {
    /// Makes these tokens valid, and only these: at most [`TOKENS_MAX`], the first ones. An empty token never becomes
    /// valid.
    pub fn replace<'a>(&self, tokens: impl IntoIterator<Item = (&'a str, Arc<Caller>)>) {
        let valid = tokens.into_iter().filter(|(token, _)| !token.is_empty()).take(TOKENS_MAX);
        self.0.store(Arc::new(valid.map(|(token, caller)| (Digest::of(token), caller)).collect()));
    }

    /// Returns the caller of a token. Compares all tokens every time, each in constant time.
    pub fn caller(&self, digest: &Digest) -> Option<Arc<Caller>> {
        let valid = self.0.load();
        let mut found: Option<&Arc<Caller>> = None;
        for (known, caller) in valid.iter() {
            let same: Choice = known.0.ct_eq(&digest.0);
            if bool::from(same) {
                found = Some(caller);
            }
        }
        found.map(Arc::clone)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::proxy::caller::Means;

    #[test]
    fn the_digest_is_sha256() {
        let (start, _) = Digest::of("abc").0.split_first_chunk::<8>().map(|(s, r)| (*s, r)).unwrap();
        assert_eq!(u64::from_be_bytes(start), 0xba78_16bf_8f01_cfea);
        assert_eq!(format!("{:?}", Digest::of("abc")), "[redacted]");
    }

    #[test]
    fn one_token_follows_another() {
        let (one, two) = (Arc::new(Caller::plain("one", Means::Token)), Arc::new(Caller::plain("two", Means::Token)));
        let tokens = Tokens::default();
        assert_eq!(tokens.caller(&Digest::of("")), None);
        tokens.replace([("a", Arc::clone(&one)), ("", Arc::clone(&one)), ("b", Arc::clone(&two))]);
        assert_eq!(tokens.caller(&Digest::of("a")), Some(one));
        assert_eq!(tokens.caller(&Digest::of("b")), Some(Arc::clone(&two)));
        assert_eq!(tokens.caller(&Digest::of("")), None);
        assert_eq!(tokens.caller(&Digest::of("ab")), None);
        tokens.replace([("b", two)]);
        assert_eq!(tokens.caller(&Digest::of("a")), None);
    }
}
