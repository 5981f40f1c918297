//! How TLS is spoken with clients: TLS 1.2 and 1.3, the certificate in force, a client certificate where one is wanted.

use super::identity::{Identity, Shown};
use crate::error::{ErrorKind, UserError};
use rustls::crypto::aws_lc_rs::{Ticketer, default_provider};
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject as _;
use rustls::server::WebPkiClientVerifier;
use rustls::server::danger::ClientCertVerifier;
use rustls::{Error, RootCertStore, ServerConfig};
use std::sync::Arc;

/// Builds the settings of all TLS listeners. Client certificates are requested, not required: a token is enough. Fails
/// if `client_ca` holds no usable certificate.
pub(super) fn settings(identity: &Arc<Identity>, client_ca: Option<&[u8]>) -> Result<Arc<ServerConfig>, UserError> {
    let provider = Arc::new(default_provider());
    let failed = |why: Error| UserError::new(ErrorKind::Internal, format!("TLS cannot be set up: {why}"));
    let builder = ServerConfig::builder_with_provider(Arc::clone(&provider))
        .with_safe_default_protocol_versions()
        .map_err(failed)?;
    let builder = match client_ca {
        Some(pem) => builder.with_client_cert_verifier(verifier(pem, &provider)?),
        None => builder.with_no_client_auth(),
    };
    let mut settings = builder.with_cert_resolver(Arc::new(Shown(Arc::clone(identity))));
    settings.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    // A session that resumes brings its client certificate along: tickets end with the settings they were made under.
    settings.ticketer = Ticketer::new().map_err(failed)?;
    settings.send_tls13_tickets = 1;
    Ok(Arc::new(settings))
}

fn verifier(
    pem: &[u8],
    provider: &Arc<rustls::crypto::CryptoProvider>,
) -> Result<Arc<dyn ClientCertVerifier>, UserError> {
    let refused = |why: String| {
        UserError::new(ErrorKind::Config, "the authority of client certificates is unusable")
            .cause(why)
            .hint("it is a PEM file with one or more certificates of authorities")
    };
    let mut roots = RootCertStore::empty();
    for certificate in CertificateDer::pem_slice_iter(pem) {
        let certificate = certificate.map_err(|why| refused(why.to_string()))?;
        roots.add(certificate).map_err(|why| refused(why.to_string()))?;
    }
    WebPkiClientVerifier::builder_with_provider(Arc::new(roots), Arc::clone(provider))
        .allow_unauthenticated()
        .build()
        .map_err(|why| refused(why.to_string()))
}
