//! Client certificates, as kube-apiserver reads them: the common name is the user, organisations are groups.
//! The TLS handshake has verified chain and purpose; here only time passes on.

use super::{Caller, Means};
use crate::model::time::UnixSeconds;
use parking_lot::RwLock;
use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use x509_parser::prelude::{FromDer as _, X509Certificate};

/// Certificates remembered: parsing one costs more than routing a request.
const REMEMBERED_MAX: usize = 1024;

/// The callers of certificates seen before, by their DER. At the bound all are forgotten and parsed again.
#[derive(Debug, Default)]
pub struct Certificates(RwLock<HashMap<Box<[u8]>, Read>>);

#[derive(Debug, Clone)]
struct Read {
    /// Caller; `None` if the certificate names no user.
    caller: Option<Arc<Caller>>,
    from: UnixSeconds,
    until: UnixSeconds,
}

impl Certificates {
    /// Returns the caller of a verified certificate while it is valid: a connection may outlive its certificate.
    pub fn caller(&self, der: &[u8], now: UnixSeconds) -> Option<Arc<Caller>> {
        let known = self.0.read().get(der).cloned();
        let read = known.or_else(|| {
            let read = read(der)?;
            let mut remembered = self.0.write();
            if remembered.len() >= REMEMBERED_MAX {
                remembered.clear();
            }
            remembered.insert(der.into(), read.clone());
            Some(read)
        })?;
        read.caller.filter(|_| read.from <= now && now < read.until)
    }
}

fn read(der: &[u8]) -> Option<Read> {
    let (_, certificate) = X509Certificate::from_der(der).ok()?;
    let subject = certificate.subject();
    // As Go reads a subject: of several common names the last counts.
    let user = subject.iter_common_name().last().and_then(|name| name.as_str().ok()).filter(|name| !name.is_empty());
    let groups: Vec<Arc<str>> =
        subject.iter_organization().filter_map(|name| name.as_str().ok()).map(Arc::from).collect();
    let caller = user.map(|user| {
        Arc::new(Caller {
            user: user.into(),
            groups: groups.into(),
            uid: None,
            extra: Arc::new(BTreeMap::new()),
            means: Means::Certificate,
        })
    });
    let validity = certificate.validity();
    Some(Read {
        caller,
        from: UnixSeconds(validity.not_before.timestamp()),
        until: UnixSeconds(validity.not_after.timestamp().saturating_add(1)),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use rcgen::{CertificateParams, DnType, KeyPair, date_time_ymd};

    fn der(names: &[(DnType, &str)]) -> Vec<u8> {
        let mut params = CertificateParams::default();
        params.distinguished_name = rcgen::DistinguishedName::new();
        for (kind, name) in names {
            params.distinguished_name.push(kind.clone(), *name);
        }
        params.not_before = date_time_ymd(2026, 1, 1);
        params.not_after = date_time_ymd(2026, 1, 2);
        params.self_signed(&KeyPair::generate().unwrap()).unwrap().der().to_vec()
    }

    const NOON: UnixSeconds = UnixSeconds(1_767_268_800);

    #[test]
    fn the_subject_is_the_caller_while_it_is_valid() {
        let certificates = Certificates::default();
        let der = der(&[(DnType::OrganizationName, "dev"), (DnType::CommonName, "jane")]);
        for _ in 0..2 {
            let caller = certificates.caller(&der, NOON).expect("a caller");
            assert_eq!((&*caller.user, caller.means), ("jane", Means::Certificate));
            assert_eq!(caller.groups.iter().map(|g| &**g).collect::<Vec<_>>(), ["dev"]);
        }
        assert_eq!(certificates.caller(&der, UnixSeconds(NOON.0 - 86_400)), None);
        assert_eq!(certificates.caller(&der, UnixSeconds(NOON.0 + 86_400)), None);
    }

    #[test]
    fn who_has_no_name_is_nobody() {
        let certificates = Certificates::default();
        assert_eq!(certificates.caller(&der(&[(DnType::OrganizationName, "dev")]), NOON), None);
        assert_eq!(certificates.caller(&der(&[(DnType::CommonName, "")]), NOON), None);
        assert_eq!(certificates.caller(b"no certificate", NOON), None);
    }
}
