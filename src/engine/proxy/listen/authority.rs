//! The proxy's own certificate authority, kept over restarts so that clients that hold it go on, and the short-lived
//! server certificates it issues.

use crate::engine::files::private;
use crate::error::{ErrorKind, UserError};
use crate::model::time::UnixSeconds;
use rcgen::string::{Ia5String, PrintableString, TeletexString};
use rcgen::{
    BasicConstraints, CertificateParams, DistinguishedName, DnType, DnValue, ExtendedKeyUsagePurpose, IsCa, Issuer,
    KeyIdMethod, KeyPair, KeyUsagePurpose, PKCS_ECDSA_P256_SHA256,
};
use rustls::crypto::aws_lc_rs::sign::any_ecdsa_type;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer};
use rustls::sign::CertifiedKey;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;
use std::{fs, io};
use x509_parser::der_parser::asn1_rs::Tag;
use x509_parser::extensions::ParsedExtension;
use x509_parser::prelude::X509Certificate;

/// File in the state folder with certificate and key of the proxy's own authority.
const FILE: &str = "authority.pem";

/// Life of an authority: longer than a machine lives, so that no client needs a new one.
const AUTHORITY_LIFE: Duration = Duration::from_secs(10 * 365 * 24 * 3600);

/// At the next start an authority of the proxy's own making is replaced if its certificate expires within this time.
const AUTHORITY_REST: Duration = Duration::from_secs(30 * 24 * 3600);

/// Life of a server certificate.
pub const LEAF_LIFE: Duration = Duration::from_secs(24 * 3600);

/// Time before its issue at which a certificate becomes valid: clocks of clients differ.
const BACKDATED: Duration = Duration::from_secs(300);

/// Names in every server certificate: the names by which a laptop and a pod call the API server.
pub const NAMES: &[&str] =
    &["localhost", "127.0.0.1", "::1", "kubernetes", "kubernetes.default", "kubernetes.default.svc"];

/// The certificate authority that signs this proxy's certificates. Its key never leaves the process.
pub struct Authority {
    certificate: CertificateDer<'static>,
    pem: String,
    issuer: Issuer<'static, KeyPair>,
    not_after: UnixSeconds,
}

impl std::fmt::Debug for Authority {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Authority").field("not_after", &self.not_after).finish_non_exhaustive()
    }
}

/// A server certificate and its expiry.
#[derive(Debug, Clone)]
pub struct Leaf {
    /// Certificate chain and private key.
    pub key: Arc<CertifiedKey>,
    /// Time the certificate expires.
    pub not_after: UnixSeconds,
}

impl Authority {
    /// Reads the authority in the folder; makes a new one if there is none or it expires soon.
    ///
    /// Fails if the folder or the file is open to other users or cannot be read or written, or if the file holds no
    /// certificate of an authority with its ECDSA P-256 key.
    pub fn kept(folder: &Path, now: UnixSeconds) -> Result<Self, UserError> {
        let path = folder.join(FILE);
        let refused = |why: String| {
            UserError::new(ErrorKind::Config, format!("the certificate authority in {} is unusable", path.display()))
                .cause(why)
                .hint("move the file away: a new one is made, and clients need the new ca.crt")
        };
        private::folder(folder)?;
        let text = match private::private(&path) {
            Ok(Some(text)) => text,
            Ok(None) => private::first(&path, &create(now).map_err(refused)?)?,
            Err(why) => return Err(refused(why)),
        };
        let kept = Self::read(&text, &text).map_err(refused)?;
        let rest = kept.not_after.0.saturating_sub(now.0);
        if rest > seconds(AUTHORITY_REST) {
            return Ok(kept);
        }
        let text = create(now).map_err(refused)?;
        private::replace(&path, text.as_bytes(), 0o600).map_err(|why| refused(why.to_string()))?;
        Self::read(&text, &text).map_err(refused)
    }

    /// Reads the authority that replicas share: a mounted Secret.
    ///
    /// Fails if the folder has neither `ca.crt` with `ca.key` nor `tls.crt` with `tls.key`, a file cannot be read, the
    /// pair is no authority with an ECDSA P-256 key in PKCS#8, or the certificate has expired.
    pub fn shared(folder: &Path, now: UnixSeconds) -> Result<Self, UserError> {
        let refused = |why: String| {
            UserError::new(
                ErrorKind::Config,
                format!("the shared certificate authority in {} is unusable", folder.display()),
            )
            .cause(why)
            .hint("the folder needs ca.crt and ca.key, or tls.crt and tls.key: PEM, an ECDSA P-256 key as PKCS#8")
        };
        let read = |name: &str| match fs::read_to_string(folder.join(name)) {
            Ok(text) => Ok(Some(text)),
            Err(why) if why.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(why) => Err(refused(format!("{name}: {why}"))),
        };
        for (certificate, key) in [("ca.crt", "ca.key"), ("tls.crt", "tls.key")] {
            if let (Some(certificate), Some(key)) = (read(certificate)?, read(key)?) {
                let shared = Self::read(&certificate, &key).map_err(refused)?;
                let holds = shared.not_after > now;
                return if holds { Ok(shared) } else { Err(refused("its certificate has expired".to_owned())) };
            }
        }
        Err(refused("it holds no certificate with a key".to_owned()))
    }

    fn read(certificate: &str, key: &str) -> Result<Self, String> {
        let der = CertificateDer::from_pem_slice(certificate.as_bytes()).map_err(|e| format!("no certificate: {e}"))?;
        let key = PrivateKeyDer::from_pem_slice(key.as_bytes()).map_err(|e| format!("no key: {e}"))?;
        let key = KeyPair::from_der_and_sign_algo(&key, &PKCS_ECDSA_P256_SHA256)
            .map_err(|_| "the key is no ECDSA P-256 key in PKCS#8".to_owned())?;
        let (_rest, parsed) = x509_parser::parse_x509_certificate(&der).map_err(|e| format!("no certificate: {e}"))?;
        if parsed.public_key().subject_public_key.data.as_ref() != key.public_key_raw() {
            return Err("the key is not that of the certificate".to_owned());
        }
        if !parsed.is_ca() {
            return Err("the certificate is not that of an authority".to_owned());
        }
        let not_after = UnixSeconds(parsed.validity().not_after.timestamp());
        let mut params = CertificateParams::default();
        params.distinguished_name = name(&parsed)?;
        params.key_identifier_method = identifier(&parsed);
        let pem = pem(&der);
        Ok(Self { pem, issuer: Issuer::new(params, key), not_after, certificate: der })
    }

    /// The certificate of the authority, PEM: clients verify servers with it.
    pub fn pem(&self) -> &str {
        &self.pem
    }

    /// The time the authority's certificate expires.
    pub fn not_after(&self) -> UnixSeconds {
        self.not_after
    }

    /// Makes a fresh key and a certificate for it, valid for [`LEAF_LIFE`] or until the authority expires.
    ///
    /// Fails if a name is neither a host name nor an IP address, a key cannot be generated, or the authority's name is
    /// encoded in a way that the certificate cannot repeat.
    pub fn issue(&self, names: &[String], now: UnixSeconds) -> Result<Leaf, String> {
        let said = |e: rcgen::Error| format!("no server certificate could be made: {e}");
        let not_after = UnixSeconds(now.0.saturating_add(seconds(LEAF_LIFE)).min(self.not_after.0));
        let mut params = CertificateParams::new(names.to_vec()).map_err(said)?;
        params.distinguished_name = DistinguishedName::new();
        params.distinguished_name.push(DnType::CommonName, "quarterdeck-proxy");
        params.is_ca = IsCa::ExplicitNoCa;
        params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
        // Python's strict verification wants it.
        params.use_authority_key_identifier_extension = true;
        params.not_before = rcgen::date_time_ymd(1970, 1, 1) + since_epoch(now.0.saturating_sub(seconds(BACKDATED)));
        params.not_after = rcgen::date_time_ymd(1970, 1, 1) + since_epoch(not_after.0);
        let key = KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256).map_err(said)?;
        let certificate = params.signed_by(&key, &self.issuer).map_err(said)?;
        self.check(certificate.der())?;
        let key = PrivateKeyDer::from(PrivatePkcs8KeyDer::from(key.serialize_der()));
        let key = any_ecdsa_type(&key).map_err(|e| format!("no server certificate could be made: {e}"))?;
        Ok(Leaf { key: Arc::new(CertifiedKey::new(vec![certificate.der().clone()], key)), not_after })
    }

    /// Checks that the issuer in `leaf` is byte for byte the authority's name, as clients compare them: a shared
    /// authority may be encoded differently.
    fn check(&self, leaf: &CertificateDer<'_>) -> Result<(), String> {
        let said = |e| format!("a certificate does not read: {e}");
        let (_rest, own) = x509_parser::parse_x509_certificate(&self.certificate).map_err(said)?;
        let (_rest, leaf) = x509_parser::parse_x509_certificate(leaf).map_err(said)?;
        if own.subject().as_raw() == leaf.issuer().as_raw() {
            return Ok(());
        }
        Err("the authority's name is written in a way this program cannot repeat; use one with a plain CN".to_owned())
    }
}

/// Makes a new authority; returns its key and certificate, PEM.
fn create(now: UnixSeconds) -> Result<String, String> {
    let said = |e: rcgen::Error| format!("no authority could be made: {e}");
    let mut params = CertificateParams::new(Vec::new()).map_err(said)?;
    params.distinguished_name = DistinguishedName::new();
    params.distinguished_name.push(DnType::CommonName, "quarterdeck-proxy-ca");
    params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    params.not_before = rcgen::date_time_ymd(1970, 1, 1) + since_epoch(now.0.saturating_sub(seconds(BACKDATED)));
    params.not_after = rcgen::date_time_ymd(1970, 1, 1) + since_epoch(now.0.saturating_add(seconds(AUTHORITY_LIFE)));
    let key = KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256).map_err(said)?;
    let certificate = params.self_signed(&key).map_err(said)?;
    Ok(format!("{}{}", key.serialize_pem(), certificate.pem()))
}

/// The authority's name, for issuers to repeat.
fn name(certificate: &X509Certificate<'_>) -> Result<DistinguishedName, String> {
    let mut name = DistinguishedName::new();
    for set in certificate.subject().iter_rdn() {
        for attribute in set.iter() {
            let kind: Vec<u64> =
                attribute.attr_type().iter().map(Iterator::collect).ok_or("an attribute of its name is unreadable")?;
            let text = attribute.as_str().map_err(|e| format!("an attribute of its name is unreadable: {e}"))?;
            let odd = |_| "an attribute of its name is not what it says".to_owned();
            let value = match attribute.attr_value().tag() {
                Tag::PrintableString => DnValue::PrintableString(PrintableString::try_from(text).map_err(odd)?),
                Tag::Ia5String => DnValue::Ia5String(Ia5String::try_from(text).map_err(odd)?),
                Tag::T61String => DnValue::TeletexString(TeletexString::try_from(text).map_err(odd)?),
                _ => DnValue::Utf8String(text.to_owned()),
            };
            name.push(DnType::from_oid(&kind), value);
        }
    }
    Ok(name)
}

/// The key identifier in the authority's certificate, which certificates it signs repeat.
fn identifier(certificate: &X509Certificate<'_>) -> KeyIdMethod {
    let own = certificate.extensions().iter().find_map(|extension| {
        let ParsedExtension::SubjectKeyIdentifier(own) = extension.parsed_extension() else { return None };
        Some(own.0.to_vec())
    });
    own.map_or(KeyIdMethod::Sha256, KeyIdMethod::PreSpecified)
}

fn pem(der: &CertificateDer<'_>) -> String {
    use base64::Engine as _;
    let text = base64::engine::general_purpose::STANDARD.encode(der);
    let mut pem = String::from("-----BEGIN CERTIFICATE-----\n");
    for line in text.as_bytes().chunks(64) {
        pem.push_str(&String::from_utf8_lossy(line));
        pem.push('\n');
    }
    pem.push_str("-----END CERTIFICATE-----\n");
    pem
}

fn seconds(span: Duration) -> i64 {
    i64::try_from(span.as_secs()).unwrap_or(i64::MAX)
}

/// Returns the time since 1970, to add to a date of `rcgen`, whose type it does not export.
fn since_epoch(moment: i64) -> Duration {
    Duration::from_secs(u64::try_from(moment).unwrap_or(0))
}
