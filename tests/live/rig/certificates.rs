//! The certificates of one control plane, all from a certificate authority of its own.

use std::fs;
use std::net::Ipv4Addr;
use std::path::Path;

use rcgen::string::Ia5String;
use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, DnType, ExtendedKeyUsagePurpose, IsCa, KeyPair,
    KeyUsagePurpose, SanType,
};

use super::Outcome;

/// A certificate and its private key, both PEM.
#[derive(Clone, Debug)]
pub(crate) struct Pair {
    pub(crate) certificate: String,
    pub(crate) key: String,
}

/// The authority: signs the servers' certificates and, for users who have no token, client certificates.
#[derive(Debug)]
pub(crate) struct Authority {
    issuer: CertifiedIssuer<'static, KeyPair>,
    key: String,
}

impl Authority {
    pub(crate) fn new(name: &str) -> Outcome<Self> {
        let mut params = CertificateParams::default();
        params.distinguished_name.push(DnType::CommonName, format!("{name} authority"));
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::DigitalSignature];
        let key = KeyPair::generate()?;
        let pem = key.serialize_pem();
        Ok(Self { issuer: CertifiedIssuer::self_signed(params, key)?, key: pem })
    }

    pub(crate) fn certificate(&self) -> String {
        self.issuer.pem()
    }

    /// For a server on loopback.
    pub(crate) fn server(&self) -> Outcome<Pair> {
        let mut params = CertificateParams::default();
        params.distinguished_name.push(DnType::CommonName, "control plane");
        params.subject_alt_names =
            vec![SanType::IpAddress(Ipv4Addr::LOCALHOST.into()), SanType::DnsName(Ia5String::try_from("localhost")?)];
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
        self.sign(&params)
    }

    /// For a user: Kubernetes takes the common name as the user and the organisation as its group.
    pub(crate) fn client(&self, user: &str, group: &str) -> Outcome<Pair> {
        let mut params = CertificateParams::default();
        params.distinguished_name.push(DnType::CommonName, user);
        params.distinguished_name.push(DnType::OrganizationName, group);
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
        self.sign(&params)
    }

    fn sign(&self, params: &CertificateParams) -> Outcome<Pair> {
        let key = KeyPair::generate()?;
        let certificate = params.signed_by(&key, &self.issuer)?;
        Ok(Pair { certificate: certificate.pem(), key: key.serialize_pem() })
    }

    /// Writes the pairs `ca` and `server` as `NAME.crt` and `NAME.key`, and the key pair that signs service accounts' tokens.
    pub(crate) fn write(&self, folder: &Path) -> Outcome {
        let server = self.server()?;
        fs::write(folder.join("ca.crt"), self.certificate())?;
        fs::write(folder.join("ca.key"), &self.key)?;
        fs::write(folder.join("server.crt"), server.certificate)?;
        fs::write(folder.join("server.key"), server.key)?;
        let tokens = KeyPair::generate()?;
        fs::write(folder.join("service-account.key"), tokens.serialize_pem())?;
        // The API server does not derive it: as a public key it takes no private key in PKCS #8.
        Ok(fs::write(folder.join("service-account.pub"), tokens.public_key_pem())?)
    }
}
