//! From PEM to a TLS configuration, and the expiry of certificates.

use crate::engine::cluster::ClusterError;
use crate::engine::k8s::endpoint::Secret;
use crate::model::text::{Text, clean};
use crate::model::time::UnixSeconds;
use kube::client::ConfigExt as _;
use rustls::ClientConfig;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use rustls::sign::{CertifiedKey, SingleCertAndKey};
use std::sync::Arc;

/// HTTP/2 and HTTP/1.1 as ALPN names them.
pub(crate) const ALPN_H2: &[u8] = b"h2";
pub(crate) const ALPN_H1: &[u8] = b"http/1.1";

/// A client certificate with its key, both PEM.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Identity {
    pub(crate) certificate: Vec<u8>,
    pub(crate) key: Secret,
}

/// The certificates of a TLS connection to one server, as read from its files at one moment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Trust {
    /// PEM of the authority of the server's certificate; `None` is the system's roots.
    pub(crate) ca: Option<Vec<u8>>,
    pub(crate) insecure: bool,
    pub(crate) identity: Option<Identity>,
}

/// Makes the TLS configuration. Fails if a certificate or a key cannot be parsed, or if they do not fit together.
pub(crate) fn configure(trust: &Trust) -> Result<ClientConfig, ClusterError> {
    install_provider();
    // The address plays no part here; kube asks for one.
    let mut config = kube::Config::new(http::Uri::from_static("https://kubernetes"));
    config.accept_invalid_certs = trust.insecure;
    config.root_cert = match &trust.ca {
        Some(_) if trust.insecure => None,
        Some(pem) => Some(authorities(pem)?),
        None => None,
    };
    let mut tls = config.rustls_client_config().map_err(|e| {
        let text = format!("certificate-authority cannot be used: {}", clean(&deepest(&e)));
        ClusterError::Failed(Text::from(text))
    })?;
    if let Some(identity) = &trust.identity {
        tls.client_auth_cert_resolver = Arc::new(SingleCertAndKey::from(certified(identity)?));
    }
    Ok(tls)
}

/// Installs the TLS provider of the process, on the first call.
pub(crate) fn install_provider() {
    if rustls::crypto::CryptoProvider::get_default().is_none() {
        // A second install between the two lines is the same provider.
        drop(rustls::crypto::aws_lc_rs::default_provider().install_default());
    }
}

fn deepest(error: &(dyn std::error::Error + 'static)) -> String {
    let mut last = error;
    while let Some(cause) = last.source() {
        last = cause;
    }
    last.to_string()
}

fn authorities(pem: &[u8]) -> Result<Vec<Vec<u8>>, ClusterError> {
    let unfit = |why: &str| ClusterError::Failed(Text::from(format!("certificate-authority {why}")));
    let certificates = CertificateDer::pem_slice_iter(pem)
        .map(|c| c.map(|der| der.as_ref().to_vec()))
        .collect::<Result<Vec<_>, _>>()
        .map_err(|_| unfit("is not PEM"))?;
    if certificates.is_empty() { Err(unfit("holds no certificate (PEM is expected)")) } else { Ok(certificates) }
}

fn certified(identity: &Identity) -> Result<CertifiedKey, ClusterError> {
    let unfit = |why: String| ClusterError::AuthNeeded(Text::from(why));
    let chain = CertificateDer::pem_slice_iter(&identity.certificate)
        .collect::<Result<Vec<_>, _>>()
        .map_err(|_| unfit("client-certificate is not PEM".to_owned()))?;
    let Some(leaf) = chain.first() else {
        return Err(unfit("client-certificate holds no certificate (PEM is expected)".to_owned()));
    };
    if version_of(leaf) == Some(1) {
        return Err(unfit(
            "client-certificate is X.509 version 1, which is not accepted; issue a version 3 one, or use a token"
                .to_owned(),
        ));
    }
    let key = PrivateKeyDer::from_pem_slice(identity.key.0.as_bytes()).map_err(|_| {
        unfit("client-key holds no private key (PEM is expected; an encrypted one cannot be used)".to_owned())
    })?;
    CertifiedKey::from_der(chain, key, &rustls::crypto::aws_lc_rs::default_provider()).map_err(|e| {
        if matches!(e, rustls::Error::InconsistentKeys(_)) {
            return unfit("client-key does not belong to client-certificate".to_owned());
        }
        unfit(format!("client-certificate cannot be used: {}", clean(&e.to_string())))
    })
}

fn version_of(certificate: &[u8]) -> Option<u32> {
    let (_, parsed) = x509_parser::parse_x509_certificate(certificate).ok()?;
    Some(parsed.version().0 + 1)
}

/// When a certificate (DER) expires.
pub(crate) fn not_after(certificate: &[u8]) -> Option<UnixSeconds> {
    let (_, parsed) = x509_parser::parse_x509_certificate(certificate).ok()?;
    Some(UnixSeconds(parsed.validity().not_after.timestamp()))
}

/// When the first certificate of a PEM text expires.
pub(crate) fn pem_not_after(pem: &[u8]) -> Option<UnixSeconds> {
    let first = CertificateDer::pem_slice_iter(pem).next()?.ok()?;
    not_after(&first)
}

/// The name that a server's certificate must carry. Fails if it is neither a DNS name nor an address.
pub(crate) fn server_name(name: &str) -> Result<ServerName<'static>, ClusterError> {
    let bare = name.trim_start_matches('[').trim_end_matches(']');
    ServerName::try_from(bare.to_owned())
        .map_err(|_| ClusterError::Failed(Text::from(format!("{:?} cannot be a TLS server name", clean(bare)))))
}
