//! The labels of an object that is being sent: what a rule with a body label looks at.

use serde::Deserialize;
use std::collections::BTreeMap;

/// Largest body that is read for its labels: kube-apiserver's own limit.
pub(super) const BODY_BYTES_MAX: usize = 3 * 1024 * 1024;

/// First bytes of every protobuf body of Kubernetes.
const ENVELOPE: &[u8] = b"k8s\0";

#[derive(Deserialize)]
struct Sent {
    #[serde(default)]
    metadata: Metadata,
}

#[derive(Deserialize, Default)]
struct Metadata {
    #[serde(default)]
    labels: Option<BTreeMap<String, Option<String>>>,
}

/// Returns the labels of `body` by its `content_type`; `None` if it has no labels. A label that a merge patch removes
/// (null) is left out.
pub(super) fn labels(content_type: &str, body: &[u8]) -> Option<BTreeMap<String, String>> {
    let kind = content_type.split(';').next().unwrap_or_default().trim();
    let sent: Sent = match kind {
        "application/vnd.kubernetes.protobuf" => return protobuf(body),
        "application/yaml" | "application/apply-patch+yaml" => {
            crate::config::yaml::parse(std::str::from_utf8(body).ok()?, "", crate::config::yaml::Duplicates::LastWins)
                .ok()?
        }
        "" | "application/json" | "application/merge-patch+json" | "application/strategic-merge-patch+json" => {
            // A list would be read as the fields of an object, in order.
            (body.trim_ascii_start().first() == Some(&b'{')).then(|| serde_json::from_slice(body).ok()).flatten()?
        }
        _ => return None,
    };
    let labels = sent.metadata.labels.unwrap_or_default();
    Some(labels.into_iter().filter_map(|(key, value)| Some((key, value?))).collect())
}

/// `runtime.Unknown` holds the object in field 2; an object holds its metadata in field 1, and that its labels, each
/// a key and a value, in field 11.
fn protobuf(body: &[u8]) -> Option<BTreeMap<String, String>> {
    let object = Fields(body.strip_prefix(ENVELOPE)?).bytes(2).next()?;
    let metadata = Fields(object).bytes(1).next()?;
    let text = |pair: &[u8], field: u64| {
        let bytes = Fields(pair).bytes(field).next().unwrap_or_default();
        String::from_utf8(bytes.to_vec()).ok()
    };
    Fields(metadata).bytes(11).map(|pair| Some((text(pair, 1)?, text(pair, 2)?))).collect()
}

/// The fields of a protobuf message, as far as it can be read.
struct Fields<'a>(&'a [u8]);

impl<'a> Fields<'a> {
    /// Iterates over all values of a field that holds bytes, in order.
    fn bytes(self, wanted: u64) -> impl Iterator<Item = &'a [u8]> {
        self.filter_map(move |(field, bytes)| (field == wanted).then_some(bytes).flatten())
    }

    fn varint(&mut self) -> Option<u64> {
        let mut value = 0_u64;
        for shift in (0..64).step_by(7) {
            let (&byte, rest) = self.0.split_first()?;
            self.0 = rest;
            value |= u64::from(byte & 0x7f).checked_shl(shift)?;
            if byte & 0x80 == 0 {
                return Some(value);
            }
        }
        None
    }

    fn take(&mut self, count: usize) -> Option<&'a [u8]> {
        let (taken, rest) = self.0.split_at_checked(count)?;
        self.0 = rest;
        Some(taken)
    }
}

impl<'a> Iterator for Fields<'a> {
    /// The number of the field, and its bytes where it holds bytes.
    type Item = (u64, Option<&'a [u8]>);

    fn next(&mut self) -> Option<Self::Item> {
        let tag = self.varint()?;
        let bytes = match tag & 7 {
            0 => self.varint().map(|_| None)?,
            1 => self.take(8).map(|_| None)?,
            2 => {
                let length = usize::try_from(self.varint()?).ok()?;
                Some(self.take(length)?)
            }
            5 => self.take(4).map(|_| None)?,
            _ => return None,
        };
        Some((tag >> 3, bytes))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn field(number: u8, bytes: &[u8]) -> Vec<u8> {
        let length = u8::try_from(bytes.len()).expect("a short one");
        [&[number << 3 | 2, length], bytes].concat()
    }

    fn map(pairs: &[(&str, &str)]) -> BTreeMap<String, String> {
        pairs.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect()
    }

    #[test]
    fn every_form_of_an_object_gives_its_labels() {
        let wanted = Some(map(&[("team", "a")]));
        let json = br#"{"kind":"Pod","metadata":{"name":"x","labels":{"team":"a","old":null}},"spec":{}}"#;
        assert_eq!(labels("application/json", json), wanted);
        assert_eq!(labels("application/strategic-merge-patch+json; charset=utf-8", json), wanted);
        let yaml = b"metadata:\n  labels:\n    team: a\nspec: {}\n";
        assert_eq!(labels("application/apply-patch+yaml", yaml), wanted);
        let pair = [field(1, b"team"), field(2, b"a")].concat();
        let metadata = [field(1, b"name"), vec![5 << 3, 7], field(11, &pair)].concat();
        let body = [ENVELOPE, &field(1, b"\x0a\x01v"), &field(2, &field(1, &metadata))].concat();
        assert_eq!(labels("application/vnd.kubernetes.protobuf", &body), wanted);
    }

    #[test]
    fn what_has_no_labels_has_none() {
        assert_eq!(labels("application/json", b"{}"), Some(map(&[])));
        assert_eq!(labels("application/json", b"[]"), None);
        assert_eq!(labels("application/json-patch+json", b"[]"), None);
        assert_eq!(labels("application/vnd.kubernetes.protobuf", b"k8s\0\x12\x7f"), None);
    }

    proptest! {
        #[test]
        fn no_bytes_break_it(body in prop::collection::vec(any::<u8>(), 0..200)) {
            let enveloped = [ENVELOPE, &body].concat();
            drop(labels("application/vnd.kubernetes.protobuf", &enveloped));
            drop(labels("application/json", &body));
            drop(labels("application/yaml", &body));
        }
    }
}
