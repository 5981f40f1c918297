//! The objects of a list, found in its body while that arrives: it never buffers more than one object.
//!
//! Pure. Members come in any order: servers write typed lists with the metadata first, and lists of custom resources in
//! alphabetical order, with the metadata last.

use memchr::memchr2;
use serde::Deserialize;
use std::ops::Range;

/// Maximum number of buffered bytes of one body, many times the largest object that etcd accepts.
const HELD_MAX: usize = 32 * 1024 * 1024;

/// The metadata of a list.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(in crate::engine::k8s) struct ListMeta {
    pub(super) resource_version: String,
    /// The continue token of the next page; empty on the last page.
    #[serde(rename = "continue")]
    pub(in crate::engine::k8s) next: String,
    #[serde(rename = "remainingItemCount")]
    pub(super) remaining: Option<u64>,
}

/// The next part of a body.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Found {
    /// Incomplete: more bytes are needed.
    More,
    /// The objects begin.
    Begin,
    /// An object: [`Items::object`].
    Object,
    /// The list is complete.
    End,
}

/// The body is not a list.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum Malformed {
    #[error("the answer is not a list of objects")]
    NotAList,
    #[error("an object is longer than 32 MiB")]
    TooLong,
    #[error("an object is not UTF-8 text")]
    NotText,
}

/// A parser of one list.
#[derive(Debug)]
pub(super) struct Items {
    buffer: Vec<u8>,
    /// Start of the bytes that are still needed.
    start: usize,
    /// End of the bytes already scanned. An escape at the end of a piece moves it one byte past the end.
    at: usize,
    place: Place,
    /// Number of open brackets in the value that is skipped.
    depth: usize,
    in_string: bool,
    object: Range<usize>,
    meta: ListMeta,
    has_begun: bool,
}

/// The expected part.
#[derive(Debug, Clone, Copy)]
enum Place {
    Start,
    Member,
    Key,
    Colon(Member),
    Value(Member),
    Objects,
    Object,
    Done,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Member {
    Metadata,
    Items,
    Other,
}

impl Items {
    pub(super) fn new() -> Self {
        Self {
            buffer: Vec::new(),
            start: 0,
            at: 0,
            place: Place::Start,
            depth: 0,
            in_string: false,
            object: 0..0,
            meta: ListMeta::default(),
            has_begun: false,
        }
    }

    /// Adds the next piece of the body. Drops what was found before.
    pub(super) fn push(&mut self, piece: &[u8]) {
        let gone = self.start.min(self.buffer.len());
        self.buffer.drain(..gone);
        self.start -= gone;
        self.at -= gone;
        self.buffer.extend_from_slice(piece);
    }

    /// Returns the next part of the bytes so far. Fails if they are not a list, or if an object exceeds [`HELD_MAX`].
    pub(super) fn next(&mut self) -> Result<Found, Malformed> {
        loop {
            let found = match self.place {
                Place::Start | Place::Member | Place::Colon(_) | Place::Objects => self.between()?,
                Place::Key | Place::Value(_) | Place::Object => self.within()?,
                Place::Done => Some(Found::End),
            };
            if let Some(found) = found {
                self.has_begun |= found == Found::Begin;
                return Ok(found);
            }
        }
    }

    /// The text of the last object. Fails if it is not UTF-8.
    pub(super) fn object(&self) -> Result<&str, Malformed> {
        let bytes = self.buffer.get(self.object.clone()).unwrap_or_default();
        std::str::from_utf8(bytes).map_err(|_| Malformed::NotText)
    }

    /// The metadata of the list, as far as it has arrived.
    pub(super) fn meta(&self) -> &ListMeta {
        &self.meta
    }

    /// Takes the next character between values.
    fn between(&mut self) -> Result<Option<Found>, Malformed> {
        let rest = self.buffer.get(self.at..).unwrap_or_default();
        let Some(blank) = rest.iter().position(|b| !b.is_ascii_whitespace()) else {
            self.at += rest.len();
            self.start = self.at;
            return Ok(Some(Found::More));
        };
        let byte = rest.get(blank).copied().unwrap_or_default();
        self.at += blank;
        self.start = self.at;
        match (self.place, byte) {
            (Place::Start, b'{') | (Place::Objects, b']') => self.pass(Place::Member),
            (Place::Member | Place::Objects, b',') | (Place::Colon(_), b':') => self.at += 1,
            (Place::Member, b'"') => self.enter(Place::Key),
            (Place::Member, b'}') if self.has_begun => self.pass(Place::Done),
            (Place::Colon(Member::Items), b'[') => {
                self.pass(Place::Objects);
                return Ok(Some(Found::Begin));
            }
            (Place::Colon(member), _) => self.enter(Place::Value(member)),
            (Place::Objects, b'{') => self.enter(Place::Object),
            _ => return Err(Malformed::NotAList),
        }
        Ok(None)
    }

    /// Skips the rest of the value, and returns its kind.
    fn within(&mut self) -> Result<Option<Found>, Malformed> {
        if !self.is_closed() {
            let held = self.buffer.len().saturating_sub(self.start);
            return if held > HELD_MAX { Err(Malformed::TooLong) } else { Ok(Some(Found::More)) };
        }
        let value = self.buffer.get(self.start..self.at).unwrap_or_default();
        let mut found = None;
        self.place = match self.place {
            Place::Key => Place::Colon(match value {
                b"\"metadata\"" => Member::Metadata,
                b"\"items\"" => Member::Items,
                _ => Member::Other,
            }),
            Place::Object => {
                self.object = self.start..self.at;
                found = Some(Found::Object);
                Place::Objects
            }
            Place::Value(Member::Metadata) => {
                self.meta = serde_json::from_slice(value).map_err(|_| Malformed::NotAList)?;
                Place::Member
            }
            Place::Value(Member::Items) if value != b"null" => return Err(Malformed::NotAList),
            // Go writes an empty list as null.
            Place::Value(Member::Items) => {
                found = Some(Found::Begin);
                Place::Member
            }
            Place::Value(Member::Other) => Place::Member,
            between @ (Place::Start | Place::Member | Place::Colon(_) | Place::Objects | Place::Done) => between,
        };
        self.start = self.at;
        Ok(found)
    }

    fn pass(&mut self, place: Place) {
        self.at += 1;
        self.start = self.at;
        self.place = place;
    }

    fn enter(&mut self, place: Place) {
        self.place = place;
        self.depth = 0;
        self.in_string = false;
    }

    /// Skips to the end of the value; false if it has not arrived yet.
    fn is_closed(&mut self) -> bool {
        while let Some(rest) = self.buffer.get(self.at..).filter(|rest| !rest.is_empty()) {
            if self.in_string {
                let Some(n) = memchr2(b'"', b'\\', rest) else {
                    self.at += rest.len();
                    return false;
                };
                if rest.get(n) == Some(&b'\\') {
                    self.at += n + 2;
                    continue;
                }
                self.at += n + 1;
                self.in_string = false;
                if self.depth == 0 {
                    return true;
                }
                continue;
            }
            let outermost = self.depth == 0;
            let counts = |b: &u8| match b {
                b'"' | b'{' | b'[' | b'}' | b']' => true,
                b',' | b' ' | b'\n' | b'\r' | b'\t' => outermost,
                _ => false,
            };
            let Some(n) = rest.iter().position(counts) else {
                self.at += rest.len();
                return false;
            };
            self.at += n;
            match rest.get(n) {
                Some(b'"') => self.in_string = true,
                Some(b'{' | b'[') => self.depth += 1,
                // What follows a number or a word is not part of it.
                _ if outermost => return true,
                _ => self.depth -= 1,
            }
            self.at += 1;
            if self.depth == 0 && !self.in_string {
                return true;
            }
        }
        false
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use serde_json::{Value, json};

    /// All that is found in a body that comes in pieces cut there.
    fn read(body: &[u8], mut cuts: Vec<usize>) -> Result<(Vec<String>, ListMeta, bool), Malformed> {
        let mut items = Items::new();
        let (mut objects, mut begun) = (Vec::new(), 0);
        cuts.sort_unstable();
        cuts.push(body.len());
        let mut from = 0;
        for to in cuts {
            items.push(&body[from..to]);
            from = to;
            loop {
                match items.next()? {
                    Found::More => break,
                    Found::Begin => begun += 1,
                    Found::Object => objects.push(items.object()?.to_owned()),
                    Found::End => {
                        assert_eq!(begun, 1, "begins once");
                        return Ok((objects, items.meta().clone(), true));
                    }
                }
            }
        }
        Ok((objects, items.meta().clone(), false))
    }

    fn meta(version: &str, next: &str, remaining: Option<u64>) -> ListMeta {
        ListMeta { resource_version: version.to_owned(), next: next.to_owned(), remaining }
    }

    #[test]
    fn a_typed_list_and_one_of_custom_resources_are_read_alike() {
        let typed = r#"{"kind":"PodList","apiVersion":"v1","metadata":{"resourceVersion":"7","continue":"t","remainingItemCount":9},"items":[{"a":1},{"b":"}\"]"}]}"#;
        let custom = "{\"apiVersion\":\"x/v1\", \"items\": [ {\"a\":1} ,\n{\"b\":\"}\\\"]\"}],\"kind\":\"XList\",\"metadata\":{\"resourceVersion\":\"7\",\"continue\":\"t\",\"remainingItemCount\":9}}\n";
        for body in [typed, custom] {
            let objects = vec![r#"{"a":1}"#.to_owned(), r#"{"b":"}\"]"}"#.to_owned()];
            assert_eq!(read(body.as_bytes(), Vec::new()), Ok((objects, meta("7", "t", Some(9)), true)), "{body}");
        }
    }

    #[test]
    fn an_empty_list_begins_and_ends() {
        for items in ["[]", "null", "[ ]"] {
            let body = format!(r#"{{"metadata":{{"resourceVersion":"3"}},"n":-1.5e3,"items":{items}, "more":[[]]}}"#);
            assert_eq!(read(body.as_bytes(), Vec::new()), Ok((vec![], meta("3", "", None), true)), "{body}");
        }
    }

    #[test]
    fn what_is_no_list_says_so_and_what_breaks_off_has_no_end() {
        for body in
            ["{}", "[]", "<html>", r#"{"items":7}"#, r#"{"items":[7]}"#, r#"{"metadata":"x","items":[]}"#, "{7}"]
        {
            assert_eq!(read(body.as_bytes(), Vec::new()), Err(Malformed::NotAList), "{body}");
        }
        let (objects, _, ended) = read(br#"{"items":[{"a":1},{"b":"#, Vec::new()).unwrap();
        assert_eq!((objects.len(), ended), (1, false));
        assert_eq!(read(b"{\"items\":[{\"a\":\"\xff\"}]}", Vec::new()), Err(Malformed::NotText));
    }

    #[test]
    fn an_object_without_end_is_not_waited_for() {
        let mut items = Items::new();
        items.push(br#"{"items":[{"a":""#);
        assert_eq!((items.next(), items.next()), (Ok(Found::Begin), Ok(Found::More)));
        items.push(&vec![b'x'; HELD_MAX]);
        assert_eq!(items.next(), Err(Malformed::TooLong));
    }

    fn value() -> impl Strategy<Value = Value> {
        let text = proptest::collection::vec(
            prop_oneof![Just('"'), Just('\\'), Just('{'), Just(']'), Just(','), Just('é'), any::<char>()],
            0..6,
        )
        .prop_map(String::from_iter);
        let leaf = prop_oneof![
            Just(Value::Null),
            any::<i32>().prop_map(Value::from),
            any::<bool>().prop_map(Value::from),
            text.clone().prop_map(Value::from)
        ];
        leaf.prop_recursive(3, 24, 4, move |inner| {
            prop_oneof![
                proptest::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
                proptest::collection::btree_map(text.clone(), inner, 0..4)
                    .prop_map(|map| Value::Object(map.into_iter().collect())),
            ]
        })
    }

    proptest! {
        /// Wherever the body is cut, the objects are those that serde finds in it.
        #[test]
        fn cuts_change_nothing(
            objects in proptest::collection::vec(value().prop_map(|v| json!({"v": v})), 0..5),
            other in value(),
            last in any::<bool>(),
            pretty in any::<bool>(),
            cuts in proptest::collection::vec(any::<prop::sample::Index>(), 0..12),
        ) {
            let list = json!({"items": objects, "metadata": {"resourceVersion": "5"}});
            let body = match (last, pretty) {
                (false, false) => format!(r#"{{"other":{other},{}"#, &list.to_string()[1..]),
                (true, false) => format!(r#"{},"other":{other}}}"#, list.to_string().strip_suffix('}').unwrap()),
                (_, true) => serde_json::to_string_pretty(&json!({"items": objects, "metadata": {"resourceVersion": "5"}, "other": other})).unwrap(),
            };
            let cuts = cuts.iter().map(|i| i.index(body.len() + 1)).collect();
            let (found, meta, ended) = read(body.as_bytes(), cuts).unwrap();
            let found: Vec<Value> = found.iter().map(|text| serde_json::from_str(text).unwrap()).collect();
            prop_assert_eq!(found, objects);
            prop_assert_eq!((meta.resource_version.as_str(), ended), ("5", true));
        }
    }
}
