//! Label selectors as `-o wide` writes them.

use super::wire::{Pairs, Seq, Str};
use crate::model::cell::Cell;
use serde::Deserialize;

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(super) struct Selector<'a> {
    #[serde(borrow)]
    match_labels: Pairs<'a>,
    #[serde(borrow)]
    match_expressions: Seq<Expression<'a>>,
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
struct Expression<'a> {
    #[serde(borrow)]
    key: Str<'a>,
    operator: Str<'a>,
    #[serde(borrow)]
    values: Seq<Str<'a>>,
}

impl Expression<'_> {
    fn text(&self) -> Option<String> {
        let mut values: Vec<&str> = self.values.iter().map(|v| &**v).collect();
        values.sort_unstable();
        let values = values.join(",");
        let key = &*self.key;
        Some(match &*self.operator {
            "In" => format!("{key} in ({values})"),
            "NotIn" => format!("{key} notin ({values})"),
            "Exists" => key.to_owned(),
            "DoesNotExist" => format!("!{key}"),
            _ => return None,
        })
    }
}

impl Selector<'_> {
    /// The requirements by key; `None` when one is not valid.
    fn text(&self) -> Option<String> {
        let equal = self.match_labels.iter().map(|(k, v)| (&**k, Some(format!("{}={}", &**k, &**v))));
        let other = self.match_expressions.iter().map(|e| (&*e.key, e.text()));
        let mut all: Vec<(&str, Option<String>)> = equal.chain(other).collect();
        all.sort_by_key(|(key, _)| *key);
        let texts: Option<Vec<String>> = all.into_iter().map(|(_, text)| text).collect();
        texts.map(|t| t.join(","))
    }

    /// The cell of most kinds: `<none>` if it selects nothing or everything.
    pub(super) fn cell(&self) -> Cell {
        match self.text() {
            Some(text) => super::wire::or_none(&text),
            None => Cell::text("<error>"),
        }
    }

    /// The cell of deployments, which leave it empty.
    pub(super) fn bare_cell(&self) -> Cell {
        match self.text() {
            Some(text) => Cell::text(&text),
            None => Cell::text("<invalid>"),
        }
    }
}
