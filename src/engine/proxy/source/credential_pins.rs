//! Which credential may go where. Whoever can change an endpoint but not the credential beside it must not get the
//! credential: so each is bound to the addresses and the trust it was first used with, and anything else is refused
//! until somebody who is at this machine acknowledges it.
//!
//! Kept are a keyed hash of the credential, never the credential, and the addresses in clear.

use crate::config::yaml;
use crate::engine::files::private;
use crate::engine::k8s::endpoint::{Endpoint, Material};
use crate::engine::proxy::config::UpstreamCluster;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use rustls::SupportedCipherSuite;
use rustls::crypto::aws_lc_rs;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

const VERSION: u32 = 1;

/// Credentials remembered; the file stays small, and a proxy of 1,000 clusters that renews each monthly needs years to
/// reach the bound.
const CREDENTIALS_MAX: usize = 20_000;

/// The destinations of credentials, as they are on disk.
#[derive(Debug)]
pub struct CredentialPins {
    file: PathBuf,
    kept: Stored,
}

#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Stored {
    version: u32,
    /// Key of the hash, base64.
    key: String,
    /// Destinations by the hash of a credential.
    bound: BTreeMap<String, BTreeSet<Place>>,
}

impl std::fmt::Debug for Stored {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Stored").field("bound", &self.bound.len()).finish_non_exhaustive()
    }
}

/// A destination of a credential: an address, and the trust by which it is verified.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Place {
    /// Address, as `host:port`.
    pub address: String,
    /// Fingerprint of the CA, `system`, a file, or `unverified`; with the verified name if it is not the host.
    pub trust: String,
}

impl CredentialPins {
    /// Returns the path of the file in the state folder.
    pub fn file(state: &Path) -> PathBuf {
        state.join("bindings.json")
    }

    /// Reads the destinations, or starts empty if there is no file.
    ///
    /// Fails if the file cannot be read or has another form: an empty start would trust everything again. Fails as
    /// well if the system provides no random numbers for a new key.
    pub fn open(state: &Path) -> Result<Self, String> {
        let file = Self::file(state);
        let shown = file.display().to_string();
        let wrong = |why: &str| format!("{shown}: {why}: remove it only if every endpoint is as it should be");
        let kept = if let Some(text) = yaml::read(&file, &shown).map_err(|flaw| flaw.to_string())? {
            let kept: Stored = serde_json::from_str(&text).map_err(|_| wrong("is not what was written"))?;
            if kept.version != VERSION || STANDARD.decode(&kept.key).map_or(0, |key| key.len()) != 32 {
                return Err(wrong("is of another version"));
            }
            kept
        } else {
            let mut key = [0; 32];
            let random = aws_lc_rs::default_provider().secure_random;
            random.fill(&mut key).map_err(|_| "the system gives no random numbers".to_owned())?;
            Stored { version: VERSION, key: STANDARD.encode(key), bound: BTreeMap::new() }
        };
        Ok(Self { file, kept })
    }

    /// Returns the new destinations of a cluster's credential that is pinned to others.
    pub fn strange(&self, cluster: &UpstreamCluster) -> Vec<Place> {
        let wanted = cluster.endpoints.iter().flat_map(|endpoint| {
            let place = place(endpoint);
            self.prints(endpoint).into_iter().map(move |print| (print, place.clone()))
        });
        let mut strange: Vec<Place> = wanted
            .filter(|(print, place)| self.kept.bound.get(print).is_some_and(|places| !places.contains(place)))
            .map(|(_, place)| place)
            .collect();
        strange.dedup();
        strange
    }

    /// Pins a cluster's credential to its present destinations; returns true if any of them is new.
    pub fn bind(&mut self, cluster: &UpstreamCluster) -> bool {
        let mut is_new = false;
        for endpoint in &cluster.endpoints {
            let place = place(endpoint);
            for print in self.prints(endpoint) {
                if self.kept.bound.len() < CREDENTIALS_MAX || self.kept.bound.contains_key(&print) {
                    is_new |= self.kept.bound.entry(print).or_default().insert(place.clone());
                }
            }
        }
        is_new
    }

    /// Writes the file, readable by its owner only.
    ///
    /// Fails if the file cannot be written.
    pub fn save(&self) -> Result<(), String> {
        let bytes = serde_json::to_vec(&self.kept).map_err(|error| error.to_string())?;
        private::own(&self.file, &bytes).map_err(|error| format!("{}: cannot be written: {error}", self.file.display()))
    }

    /// Keyed hashes of the credentials of an endpoint. A file is known by its path, since its content is renewed.
    fn prints(&self, endpoint: &Endpoint) -> Vec<String> {
        let user = &endpoint.user;
        let material = |kind: &str, material: &Option<Material>| match material {
            Some(Material::Inline(secret)) => Some(format!("{kind}\0inline\0{}", secret.0.trim())),
            Some(Material::File(path)) => Some(format!("{kind}\0file\0{}", path.display())),
            None => None,
        };
        let exec = user.exec.as_ref().map(|exec| {
            let environment: Vec<String> = exec.env.iter().map(|(key, value)| format!("{key}={}", value.0)).collect();
            format!("exec\0{}\0{}\0{}", exec.command, exec.args.join("\0"), environment.join("\0"))
        });
        let all = [material("token", &user.token), material("key", &user.client_key), exec];
        all.into_iter().flatten().filter_map(|text| self.print(text.as_bytes())).collect()
    }

    fn print(&self, secret: &[u8]) -> Option<String> {
        let key = STANDARD.decode(&self.kept.key).ok()?;
        let SupportedCipherSuite::Tls13(suite) = aws_lc_rs::cipher_suite::TLS13_AES_128_GCM_SHA256 else { return None };
        let block = suite.hkdf_provider.extract_from_secret(Some(&key), secret).expand_block(&[b"qd binding"]);
        Some(hex(block.as_ref()))
    }
}

/// The address of an endpoint, and the trust by which it is verified.
fn place(endpoint: &Endpoint) -> Place {
    let uri: Option<http::Uri> = endpoint.server.parse().ok();
    let host = uri.as_ref().and_then(http::Uri::host).unwrap_or_default().to_lowercase();
    let port = uri.as_ref().and_then(http::Uri::port_u16).unwrap_or(443);
    let proof = match (&endpoint.ca, endpoint.insecure) {
        (_, true) => "unverified".to_owned(),
        (None, false) => "system".to_owned(),
        (Some(Material::File(path)), false) => format!("file {}", path.display()),
        (Some(Material::Inline(pem)), false) => {
            let packed: String = pem.0.split_ascii_whitespace().collect();
            sha256(packed.as_bytes())
        }
    };
    let name = endpoint.tls_server_name.as_deref().map(|name| format!(" as {name}")).unwrap_or_default();
    Place { address: format!("{host}:{port}"), trust: format!("{proof}{name}") }
}

fn sha256(bytes: &[u8]) -> String {
    match aws_lc_rs::cipher_suite::TLS13_AES_128_GCM_SHA256 {
        SupportedCipherSuite::Tls13(suite) => hex(suite.common.hash_provider.hash(bytes).as_ref()),
        SupportedCipherSuite::Tls12(_) => String::new(),
    }
}

fn hex(bytes: &[u8]) -> String {
    let digits = |byte: &u8| [byte >> 4, byte & 15].map(|digit| char::from_digit(u32::from(digit), 16).unwrap_or('0'));
    bytes.iter().flat_map(digits).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::k8s::endpoint::{Secret, User};
    use std::os::unix::fs::PermissionsExt as _;
    use std::sync::Arc;

    fn cluster(server: &str, token: &str, ca: Option<&str>) -> UpstreamCluster {
        let endpoint = Endpoint {
            ca: ca.map(|ca| Material::Inline(Secret(ca.to_owned()))),
            user: User { token: Some(Material::Inline(Secret(token.to_owned()))), ..User::default() },
            ..Endpoint::plain(server, "a")
        };
        UpstreamCluster::new("a", Arc::new(endpoint))
    }

    #[test]
    fn a_known_credential_goes_nowhere_else() {
        let root = tempfile::tempdir().unwrap();
        let mut bindings = CredentialPins::open(root.path()).unwrap();
        let home = cluster("https://a.example.com", "hunter2", Some("pem"));
        assert!(bindings.strange(&home).is_empty(), "the first use is trusted");
        assert!(bindings.bind(&home));
        bindings.save().unwrap();
        let mut bindings = CredentialPins::open(root.path()).unwrap();
        assert!(!bindings.bind(&home), "it was remembered");
        for moved in [
            cluster("https://evil.example.com", "hunter2", Some("pem")),
            cluster("https://a.example.com:8443", "hunter2", Some("pem")),
            cluster("https://a.example.com", "hunter2", Some("other")),
            cluster("https://a.example.com", "hunter2", None),
        ] {
            assert_eq!(bindings.strange(&moved).len(), 1);
        }
        assert!(bindings.strange(&cluster("https://evil.example.com", "hunter3", None)).is_empty(), "a new credential");
        assert!(bindings.strange(&cluster("https://A.example.com:443", "hunter2", Some("p\nem"))).is_empty());
        let file = CredentialPins::file(root.path());
        let text = std::fs::read_to_string(&file).unwrap();
        assert!(!text.contains("hunter"));
        assert_eq!(std::fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600);
    }

    #[test]
    fn a_broken_file_is_not_taken_for_an_empty_one() {
        let root = tempfile::tempdir().unwrap();
        std::fs::write(CredentialPins::file(root.path()), "{").unwrap();
        assert!(CredentialPins::open(root.path()).is_err());
    }
}
