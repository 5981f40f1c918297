//! A YAML document as a tree in which every node has its line: the schema checks it, and the reader takes its
//! values from it.

use crate::config::yaml::{Duplicates, Flaw, parse_all};
use serde::de::{Error as _, MapAccess, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer};
use serde_saphyr::Spanned;

/// A value and its line.
#[derive(Clone, PartialEq)]
pub struct Node {
    /// Line of the value, from 1.
    pub line: u64,
    /// The value itself.
    pub value: Value,
}

/// A YAML value. Its `Debug` shows only the type: values may be secret.
#[derive(Clone, PartialEq)]
pub enum Value {
    /// `null`, or nothing.
    Null,
    /// `true` or `false`.
    Flag(bool),
    /// A whole number.
    Whole(i64),
    /// A number with a fraction or an exponent; finite.
    Number(f64),
    /// A text.
    Text(String),
    /// A list.
    List(Vec<Node>),
    /// A map, in the order of the file, without duplicate keys.
    Map(Vec<(Key, Node)>),
}

/// A key and its line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Key {
    /// The key; a number is its digits.
    pub text: String,
    /// Line of the key, from 1.
    pub line: u64,
}

// They may hold secrets.
impl std::fmt::Debug for Node {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{:?} in line {}", self.value, self.line)
    }
}

impl std::fmt::Debug for Value {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.kind())
    }
}

impl Node {
    /// Parses a file: one node for each of its documents that is not empty. Fails if the text is not YAML, gives a key
    /// twice, or has a key that is neither a text nor a whole number, or a number that is too large or not finite.
    pub fn parse(text: &str, file: &str) -> Result<Vec<Self>, Flaw> {
        let all: Vec<Spanned<Value>> = parse_all(text, file, Duplicates::Refused)?;
        Ok(all.into_iter().map(Self::from).filter(|node| node.value != Value::Null).collect())
    }

    /// Returns the type of the value, for messages: "a list".
    pub fn kind(&self) -> &'static str {
        self.value.kind()
    }

    /// Returns the value of a key; `None` if it is missing or null.
    pub fn get(&self, key: &str) -> Option<&Self> {
        let (_, node) = self.entries().iter().find(|(k, _)| k.text == key)?;
        (node.value != Value::Null).then_some(node)
    }

    /// Returns the entries of a map; empty for any other value.
    pub fn entries(&self) -> &[(Key, Self)] {
        match &self.value {
            Value::Map(entries) => entries,
            Value::Null | Value::Flag(_) | Value::Whole(_) | Value::Number(_) | Value::Text(_) | Value::List(_) => &[],
        }
    }

    /// Returns the items of a list; empty for any other value.
    pub fn items(&self) -> &[Self] {
        match &self.value {
            Value::List(items) => items,
            Value::Null | Value::Flag(_) | Value::Whole(_) | Value::Number(_) | Value::Text(_) | Value::Map(_) => &[],
        }
    }

    /// Returns the text; `None` for any other value.
    pub fn text(&self) -> Option<&str> {
        match &self.value {
            Value::Text(text) => Some(text),
            Value::Null | Value::Flag(_) | Value::Whole(_) | Value::Number(_) | Value::List(_) | Value::Map(_) => None,
        }
    }

    /// Returns the flag; `None` for any other value.
    pub fn flag(&self) -> Option<bool> {
        if let Value::Flag(flag) = self.value { Some(flag) } else { None }
    }

    /// Returns the whole number; `None` for any other value.
    pub fn whole(&self) -> Option<i64> {
        if let Value::Whole(whole) = self.value { Some(whole) } else { None }
    }

    /// Returns the number, also a whole one; `None` for any other value.
    #[expect(clippy::cast_precision_loss, reason = "settings are small; a cost beyond 2^53 is none")]
    pub fn number(&self) -> Option<f64> {
        match self.value {
            Value::Number(number) => Some(number),
            Value::Whole(whole) => Some(whole as f64),
            Value::Null | Value::Flag(_) | Value::Text(_) | Value::List(_) | Value::Map(_) => None,
        }
    }
}

impl Value {
    fn kind(&self) -> &'static str {
        match self {
            Self::Null => "nothing",
            Self::Flag(_) => "true or false",
            Self::Whole(_) => "a whole number",
            Self::Number(_) => "a number",
            Self::Text(_) => "a text",
            Self::List(_) => "a list",
            Self::Map(_) => "a map",
        }
    }
}

impl From<Spanned<Value>> for Node {
    fn from(spanned: Spanned<Value>) -> Self {
        Self { line: spanned.referenced.line(), value: spanned.value }
    }
}

impl<'de> Deserialize<'de> for Value {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(AnyValue)
    }
}

struct AnyValue;

impl<'de> Visitor<'de> for AnyValue {
    type Value = Value;

    fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("a value")
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_none<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_some<D: Deserializer<'de>>(self, deserializer: D) -> Result<Value, D::Error> {
        Value::deserialize(deserializer)
    }

    fn visit_bool<E>(self, flag: bool) -> Result<Value, E> {
        Ok(Value::Flag(flag))
    }

    fn visit_i64<E>(self, whole: i64) -> Result<Value, E> {
        Ok(Value::Whole(whole))
    }

    fn visit_u64<E: serde::de::Error>(self, whole: u64) -> Result<Value, E> {
        i64::try_from(whole).map(Value::Whole).map_err(|_| E::custom("the number is too large"))
    }

    fn visit_i128<E: serde::de::Error>(self, _: i128) -> Result<Value, E> {
        Err(E::custom("the number is too large"))
    }

    fn visit_u128<E: serde::de::Error>(self, _: u128) -> Result<Value, E> {
        Err(E::custom("the number is too large"))
    }

    fn visit_f64<E: serde::de::Error>(self, number: f64) -> Result<Value, E> {
        if number.is_finite() { Ok(Value::Number(number)) } else { Err(E::custom("expected a number")) }
    }

    fn visit_str<E>(self, text: &str) -> Result<Value, E> {
        Ok(Value::Text(text.to_owned()))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut all: A) -> Result<Value, A::Error> {
        let mut items = Vec::new();
        while let Some(item) = all.next_element::<Spanned<Value>>()? {
            items.push(Node::from(item));
        }
        Ok(Value::List(items))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut all: A) -> Result<Value, A::Error> {
        let mut entries = Vec::new();
        while let Some(key) = all.next_key::<Spanned<Value>>()? {
            let line = key.referenced.line();
            let text = match key.value {
                Value::Text(text) => text,
                // `1000: ann` is a uid.
                Value::Whole(whole) => whole.to_string(),
                Value::Flag(_) | Value::Null | Value::Number(_) | Value::List(_) | Value::Map(_) => {
                    return Err(A::Error::custom("a key is a text: put it in quotes"));
                }
            };
            let node = all.next_value::<Spanned<Value>>()?.into();
            entries.push((Key { text, line }, node));
        }
        Ok(Value::Map(entries))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_value_knows_its_line() {
        let text = "a: 1\nb:\n- x\n- {c: yes, d: 2.5}\n1000: ann\n---\n# nothing\n---\ne: |\n  two\n  lines\n";
        let all = Node::parse(text, "f.yaml").unwrap();
        assert_eq!(all.len(), 2, "{all:?}");
        assert_eq!(all[0].get("a").unwrap().whole(), Some(1));
        let list = all[0].get("b").unwrap();
        assert_eq!((list.items()[0].line, list.items()[1].line), (3, 4));
        assert_eq!(list.items()[1].get("d").unwrap().number(), Some(2.5));
        assert_eq!(all[0].entries()[2].0, Key { text: "1000".to_owned(), line: 5 });
        assert_eq!(all[1].get("e").unwrap().text(), Some("two\nlines\n"));
        assert_eq!(all[1].entries()[0].0.line, 9);
    }

    #[test]
    fn a_key_given_twice_and_a_bomb_are_refused() {
        assert_eq!(Node::parse("a: 1\na: 2\n", "f").unwrap_err().to_string(), "f:2: `a` is given twice");
        let mut text = "a: &a [x,x,x,x,x,x,x,x,x,x]\n".to_owned();
        for (name, of) in [("b", "a"), ("c", "b"), ("d", "c"), ("e", "d"), ("f", "e"), ("g", "f"), ("h", "g")] {
            text = format!("{text}{name}: &{name} [{}]\n", vec![format!("*{of}"); 10].join(","));
        }
        assert!(Node::parse(&text, "f").is_err());
        assert!(Node::parse(&"[".repeat(100_000), "f").is_err());
        assert!(Node::parse(&"{a: ".repeat(100_000), "f").is_err());
    }

    #[test]
    fn a_secret_is_not_shown() {
        let node = &Node::parse("token: hunter2\n", "f").unwrap()[0];
        assert!(!format!("{node:?}").contains("hunter2"));
    }
}
