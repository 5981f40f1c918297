//! The JSON shapes that projections read: borrowed from the text, tolerant of `null`, and with all fields skipped that
//! no column needs.

use crate::model::cell::Cell;
use crate::model::time::UnixSeconds;
use serde::de::{Deserialize, DeserializeSeed, Deserializer, Error, IgnoredAny, MapAccess, Visitor};
use serde_json::value::RawValue;
use std::borrow::Cow;
use std::fmt;
use std::ops::Deref;

/// A scalar as text, borrowed where it has no escapes. `null` is the empty text; a number or a
/// boolean is what it looks like (`maxUnavailable: 1`).
#[derive(Debug, Clone, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Str<'a>(pub(super) Cow<'a, str>);

impl<'a> Str<'a> {
    /// The text, or `other` where there is none.
    pub(super) fn or<'s>(&'s self, other: &'s str) -> &'s str {
        if self.is_empty() { other } else { self }
    }

    /// The first one, unless it is empty.
    pub(super) fn first<'s>(one: &'s Self, other: &'s Self) -> &'s Self {
        if one.is_empty() { other } else { one }
    }

    pub(super) fn into_cow(self) -> Cow<'a, str> {
        self.0
    }

    pub(super) fn time(&self) -> Option<UnixSeconds> {
        UnixSeconds::parse(self)
    }
}

impl Deref for Str<'_> {
    type Target = str;
    fn deref(&self) -> &str {
        &self.0
    }
}

impl<'de: 'a, 'a> Deserialize<'de> for Str<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(StrVisitor).map(Self)
    }
}

struct StrVisitor;

impl<'de> Visitor<'de> for StrVisitor {
    type Value = Cow<'de, str>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a text or a number")
    }

    fn visit_borrowed_str<E: Error>(self, v: &'de str) -> Result<Self::Value, E> {
        Ok(Cow::Borrowed(v))
    }

    fn visit_str<E: Error>(self, v: &str) -> Result<Self::Value, E> {
        Ok(Cow::Owned(v.to_owned()))
    }

    fn visit_unit<E: Error>(self) -> Result<Self::Value, E> {
        Ok(Cow::Borrowed(""))
    }

    fn visit_bool<E: Error>(self, v: bool) -> Result<Self::Value, E> {
        Ok(Cow::Borrowed(if v { "true" } else { "false" }))
    }

    fn visit_i64<E: Error>(self, v: i64) -> Result<Self::Value, E> {
        Ok(Cow::Owned(v.to_string()))
    }

    fn visit_u64<E: Error>(self, v: u64) -> Result<Self::Value, E> {
        Ok(Cow::Owned(v.to_string()))
    }

    fn visit_f64<E: Error>(self, v: f64) -> Result<Self::Value, E> {
        Ok(Cow::Owned(v.to_string()))
    }
}

/// A value whose absence, `null` included, is its default.
#[derive(Debug, Clone, Default)]
pub(super) struct Maybe<T>(T);

impl<T> Deref for Maybe<T> {
    type Target = T;
    fn deref(&self) -> &T {
        &self.0
    }
}

impl<'de, T: Deserialize<'de> + Default> Deserialize<'de> for Maybe<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Option::<T>::deserialize(deserializer).map(|v| Self(v.unwrap_or_default()))
    }
}

/// A list whose absence, `null` included, is the empty one.
pub(super) type Seq<T> = Maybe<Vec<T>>;

/// A map of texts, in the order of the wire.
#[derive(Debug, Clone, Default)]
pub(super) struct Pairs<'a>(Vec<(Str<'a>, Str<'a>)>);

impl<'a> Pairs<'a> {
    /// The pairs by key; a server sends them so, but nothing promises it.
    pub(super) fn sorted(&self) -> Cow<'_, [(Str<'a>, Str<'a>)]> {
        if self.0.is_sorted_by(|a, b| a.0 <= b.0) {
            return Cow::Borrowed(&self.0);
        }
        let mut pairs = self.0.clone();
        pairs.sort();
        Cow::Owned(pairs)
    }

    /// `k=v,k2=v2`, sorted by key.
    pub(super) fn text(&self) -> String {
        let mut text = String::new();
        for (key, value) in self.sorted().iter() {
            let comma = if text.is_empty() { "" } else { "," };
            text.extend([comma, key, "=", value]);
        }
        text
    }
}

impl<'a> Deref for Pairs<'a> {
    type Target = [(Str<'a>, Str<'a>)];
    fn deref(&self) -> &Self::Target {
        &self.0
    }
}

impl<'de: 'a, 'a> Deserialize<'de> for Pairs<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Each;
        impl<'de> Visitor<'de> for Each {
            type Value = Pairs<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a map of texts")
            }

            fn visit_unit<E: Error>(self) -> Result<Self::Value, E> {
                Ok(Pairs::default())
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
                let mut pairs = Vec::new();
                while let Some(pair) = map.next_entry()? {
                    pairs.push(pair);
                }
                Ok(Pairs(pairs))
            }
        }
        deserializer.deserialize_any(Each)
    }
}

/// Number of entries of a map; keys and values are skipped.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Entries(pub(super) i64);

impl<'de> Deserialize<'de> for Entries {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Counter;
        impl<'de> Visitor<'de> for Counter {
            type Value = Entries;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a map")
            }

            fn visit_unit<E: Error>(self) -> Result<Entries, E> {
                Ok(Entries(0))
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Entries, A::Error> {
                let mut count = 0;
                while map.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {
                    count += 1;
                }
                Ok(Entries(count))
            }
        }
        deserializer.deserialize_any(Counter)
    }
}

/// The metadata that each row needs.
#[derive(Debug, Clone, Default, serde::Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(super) struct Meta<'a> {
    #[serde(borrow)]
    pub(super) name: Str<'a>,
    pub(super) namespace: Str<'a>,
    pub(super) uid: Str<'a>,
    pub(super) resource_version: Str<'a>,
    pub(super) generation: i64,
    pub(super) creation_timestamp: Str<'a>,
    pub(super) deletion_timestamp: Str<'a>,
    #[serde(borrow)]
    pub(super) labels: Pairs<'a>,
    #[serde(borrow)]
    pub(super) owner_references: Seq<OwnerReference<'a>>,
    #[serde(borrow)]
    pub(super) annotations: Maybe<Annotations<'a>>,
}

impl Meta<'_> {
    /// Deletion was asked for and has not finished.
    pub(super) fn is_terminating(&self) -> bool {
        !self.deletion_timestamp.is_empty()
    }

    pub(super) fn age(&self) -> Cell {
        since(&self.creation_timestamp)
    }
}

/// The few annotations that columns use.
#[derive(Debug, Clone, Default, serde::Deserialize)]
#[serde(default)]
pub(super) struct Annotations<'a> {
    /// The storage class of claims and volumes, from before it had a field.
    #[serde(borrow, rename = "volume.beta.kubernetes.io/storage-class")]
    pub(super) storage_class: Option<Str<'a>>,
}

#[derive(Debug, Clone, Default, serde::Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(super) struct OwnerReference<'a> {
    #[serde(borrow)]
    pub(super) api_version: Str<'a>,
    pub(super) kind: Str<'a>,
    pub(super) name: Str<'a>,
    pub(super) uid: Str<'a>,
    pub(super) controller: Option<bool>,
}

/// An object with a spec and a status, either of which may be missing.
#[derive(Debug, Clone, Default, serde::Deserialize)]
#[serde(default, bound(deserialize = "Spec: Default + Deserialize<'de>, Status: Default + Deserialize<'de>"))]
pub(super) struct Object<'a, Spec, Status = IgnoredAny> {
    #[serde(borrow)]
    pub(super) metadata: Meta<'a>,
    pub(super) spec: Maybe<Spec>,
    pub(super) status: Maybe<Status>,
}

/// An entry of `status.conditions`.
#[derive(Debug, Clone, Default, serde::Deserialize)]
#[serde(default)]
pub(super) struct Condition<'a> {
    #[serde(borrow, rename = "type")]
    pub(super) kind: Str<'a>,
    pub(super) status: Str<'a>,
    pub(super) reason: Str<'a>,
}

impl Condition<'_> {
    pub(super) fn is(&self, kind: &str, status: &str) -> bool {
        *self.kind == *kind && *self.status == *status
    }
}

/// The condition of that type.
pub(super) fn condition<'c, 'a>(conditions: &'c [Condition<'a>], kind: &str) -> Option<&'c Condition<'a>> {
    conditions.iter().find(|c| *c.kind == *kind)
}

/// Returns true if there is a condition of this type and it is true.
pub(super) fn is_true(conditions: &[Condition<'_>], kind: &str) -> bool {
    condition(conditions, kind).is_some_and(|c| *c.status == *"True")
}

/// The name and image of a container.
#[derive(Debug, Clone, Default, serde::Deserialize)]
#[serde(default)]
pub(super) struct Container<'a> {
    #[serde(borrow)]
    pub(super) name: Str<'a>,
    pub(super) image: Str<'a>,
}

/// A pod template's containers and node selector.
#[derive(Debug, Clone, Default, serde::Deserialize)]
#[serde(default)]
pub(super) struct Template<'a> {
    #[serde(borrow)]
    pub(super) spec: Maybe<TemplateSpec<'a>>,
}

#[derive(Debug, Clone, Default, serde::Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(super) struct TemplateSpec<'a> {
    #[serde(borrow)]
    pub(super) containers: Seq<Container<'a>>,
    #[serde(borrow)]
    pub(super) node_selector: Pairs<'a>,
}

impl TemplateSpec<'_> {
    /// The CONTAINERS and IMAGES cells.
    pub(super) fn cells(&self) -> [Cell; 2] {
        [join(self.containers.iter().map(|c| &*c.name), ","), join(self.containers.iter().map(|c| &*c.image), ",")]
    }
}

/// The time since then; `<unknown>` if there is no such time.
pub(super) fn since(time: &Str<'_>) -> Cell {
    time.time().map_or(Cell::Unknown, Cell::Since)
}

/// The text; `<none>` if it is empty.
pub(super) fn or_none(text: &str) -> Cell {
    if text.is_empty() { Cell::None } else { Cell::text(text) }
}

/// The texts with `separator` between them.
pub(super) fn join<'t>(texts: impl Iterator<Item = &'t str>, separator: &str) -> Cell {
    Cell::text(&joined(texts, separator))
}

/// As [`join`], as text.
pub(super) fn joined<'t>(texts: impl Iterator<Item = &'t str>, separator: &str) -> String {
    let mut out = String::new();
    for (i, text) in texts.enumerate() {
        if i > 0 {
            out.push_str(separator);
        }
        out.push_str(text);
    }
    out
}

/// `have/want` of two counts; what the server sends negative shows as it is.
pub(super) fn ratio(have: i64, want: i64) -> Cell {
    match (u32::try_from(have), u32::try_from(want)) {
        (Ok(have), Ok(want)) => Cell::Ratio { have, want },
        _ => Cell::text(&format!("{have}/{want}")),
    }
}

/// The string at the path of keys. Stops reading as soon as it is found, so that a string near the front of a large
/// object is cheap to find.
pub(super) fn find(raw: &str, path: &[&str]) -> Option<String> {
    let mut found = None;
    let mut deserializer = serde_json::Deserializer::from_str(raw);
    // The error is how the reading stops; `found` says whether it was in time.
    drop(Find { path, found: &mut found }.deserialize(&mut deserializer));
    found
}

struct Find<'p, 'f> {
    path: &'p [&'p str],
    found: &'f mut Option<String>,
}

impl<'de> DeserializeSeed<'de> for Find<'_, '_> {
    type Value = ();
    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for Find<'_, '_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a map")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        let Some((wanted, deeper)) = self.path.split_first() else { return Ok(()) };
        while let Some(key) = map.next_key::<Str<'_>>()? {
            if *key != **wanted {
                map.next_value::<IgnoredAny>()?;
            } else if deeper.is_empty() {
                *self.found = Some(map.next_value::<Str<'_>>()?.to_string());
                return Err(A::Error::custom("found"));
            } else {
                map.next_value_seed(Find { path: deeper, found: &mut *self.found })?;
            }
        }
        Ok(())
    }
}

/// The value of a map at a key; `None` if it has no such key, or is not a map.
pub(super) fn entry<'v>(map: &'v RawValue, key: &str) -> Option<&'v RawValue> {
    let mut found = None;
    // As in `find`: the error stops the reading.
    drop(serde_json::Deserializer::from_str(map.get()).deserialize_map(Entry { key, found: &mut found }));
    found
}

struct Entry<'k, 'f, 'v> {
    key: &'k str,
    found: &'f mut Option<&'v RawValue>,
}

impl<'v> Visitor<'v> for Entry<'_, '_, 'v> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a map")
    }

    fn visit_map<A: MapAccess<'v>>(self, mut map: A) -> Result<(), A::Error> {
        while let Some(key) = map.next_key::<Str<'v>>()? {
            if *key == *self.key {
                *self.found = Some(map.next_value()?);
                return Err(A::Error::custom("found"));
            }
            map.next_value::<IgnoredAny>()?;
        }
        Ok(())
    }
}

/// The items of a list; empty if it is not a list.
pub(super) fn items(list: &RawValue) -> Vec<&RawValue> {
    serde_json::from_str(list.get()).unwrap_or_default()
}

/// The items of a list, or the values of a map.
pub(super) fn values(value: &RawValue) -> Vec<&RawValue> {
    if value.get().starts_with('{') {
        serde_json::from_str::<Values<'_>>(value.get()).unwrap_or_default().0
    } else {
        items(value)
    }
}

#[derive(Default)]
struct Values<'v>(Vec<&'v RawValue>);

impl<'de: 'v, 'v> Deserialize<'de> for Values<'v> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Each;
        impl<'de> Visitor<'de> for Each {
            type Value = Values<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a map")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Values<'de>, A::Error> {
                let mut values = Vec::new();
                while let Some((IgnoredAny, value)) = map.next_entry()? {
                    values.push(value);
                }
                Ok(Values(values))
            }
        }
        deserializer.deserialize_map(Each)
    }
}
