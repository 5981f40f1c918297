//! The certificates of a simulated fleet: one authority, one server certificate for loopback.

use std::sync::Arc;

use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair, KeyUsagePurpose};
use rustls::ServerConfig;
use rustls::crypto::aws_lc_rs;
use rustls::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};

use super::DemoError;

/// Start of the validity of certificates. A fixed clock may be years from the real one: they are valid in both.
const FIRST_YEAR: i32 = 2020;
const LAST_YEAR: i32 = 2090;

/// The certificates of servers and kubeconfigs.
#[derive(Debug)]
pub(super) struct Certificates {
    pub(super) tls: Arc<ServerConfig>,
    /// The authority as PEM, for `certificate-authority-data`.
    pub(super) authority_pem: String,
}

/// Makes new keys and certificates: nothing on the screen depends on them. Fails if a key or a certificate cannot be
/// made, or if TLS rejects them.
pub(super) fn generate() -> Result<Certificates, DemoError> {
    let mut authority = CertificateParams::new(Vec::new())?;
    authority.distinguished_name.push(DnType::CommonName, "quarterdeck-demo-ca");
    authority.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    authority.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    authority.not_before = rcgen::date_time_ymd(FIRST_YEAR, 1, 1);
    authority.not_after = rcgen::date_time_ymd(LAST_YEAR, 1, 1);
    let authority_key = KeyPair::generate()?;
    let authority_certificate = authority.self_signed(&authority_key)?;
    let issuer = Issuer::new(authority, authority_key);

    let names = ["localhost", "127.0.0.1", "kubernetes", "kubernetes.default.svc"];
    let mut server = CertificateParams::new(names.map(str::to_owned).to_vec())?;
    server.distinguished_name.push(DnType::CommonName, "kube-apiserver");
    server.not_before = rcgen::date_time_ymd(FIRST_YEAR, 1, 1);
    server.not_after = rcgen::date_time_ymd(LAST_YEAR, 1, 1);
    let server_key = KeyPair::generate()?;
    let server_certificate = server.signed_by(&server_key, &issuer)?;

    let key = PrivateKeyDer::from(PrivatePkcs8KeyDer::from(server_key.serialize_der()));
    let chain = vec![server_certificate.der().clone(), authority_certificate.der().clone()];
    let mut tls = ServerConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
        .with_safe_default_protocol_versions()?
        .with_no_client_auth()
        .with_single_cert(chain, key)?;
    tls.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    Ok(Certificates { tls: Arc::new(tls), authority_pem: authority_certificate.pem() })
}
