//! The query of a URL, as Go's `url.Values` and Kubernetes' `ListOptions` read it: of several values the first counts,
//! and a parameter that cannot be decoded is not there.

use super::path::unescaped;
use super::{Unreadable, selector};
use std::borrow::Cow;

/// Go's own bound; newer servers read no query with more parameters.
const PARAMETERS_MAX: usize = 10_000;

/// The decoded parameters that the routing of a request depends on; `None` is an absent one.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Query<'a> {
    /// `watch`.
    pub watch: Option<Cow<'a, str>>,
    /// `fieldSelector`.
    pub field_selector: Option<Cow<'a, str>>,
    /// `labelSelector`.
    pub label_selector: Option<Cow<'a, str>>,
    /// `limit`.
    pub limit: Option<Cow<'a, str>>,
    /// `timeoutSeconds`.
    pub timeout_seconds: Option<Cow<'a, str>>,
    /// `resourceVersion`.
    pub resource_version: Option<Cow<'a, str>>,
    /// `continue`.
    pub next: Option<Cow<'a, str>>,
}

impl<'a> Query<'a> {
    /// Reads the query of a URL.
    ///
    /// Fails if there are too many parameters, or a value that is needed decodes to something that is not UTF-8.
    pub fn read(text: &'a str) -> Result<Self, Unreadable> {
        let mut query = Self::default();
        if text.bytes().filter(|byte| *byte == b'&').count() >= PARAMETERS_MAX {
            return Err(Unreadable::Parameters);
        }
        // Servers read no parameter with a semicolon in it.
        for pair in text.split('&').filter(|pair| !pair.is_empty() && !pair.contains(';')) {
            let (key, value) = pair.split_once('=').unwrap_or((pair, ""));
            let Ok(key) = unescaped(key, true) else { continue };
            let place = match &*key {
                "watch" => &mut query.watch,
                "fieldSelector" => &mut query.field_selector,
                "labelSelector" => &mut query.label_selector,
                "limit" => &mut query.limit,
                "timeoutSeconds" => &mut query.timeout_seconds,
                "resourceVersion" => &mut query.resource_version,
                "continue" => &mut query.next,
                _ => continue,
            };
            if place.is_some() {
                continue;
            }
            match unescaped(value, true) {
                Ok(value) => *place = Some(value),
                Err(Unreadable::NotText) => return Err(Unreadable::NotText),
                Err(_) => {}
            }
        }
        Ok(query)
    }

    /// Returns true if the request asks for a watch. Only an absent `watch`, `0` and `false` in any case do not;
    /// `?watch` does.
    pub fn watches(&self, options_hold: bool) -> bool {
        // Go folds the long s too, but not in the code that reads `watch` where the other options cannot be read.
        let fold = |c: char| if c == 'ſ' && options_hold { 's' } else { c.to_ascii_lowercase() };
        self.watch.as_deref().is_some_and(|value| value != "0" && !value.chars().map(fold).eq("false".chars()))
    }

    /// Returns true if the server can read all of its `ListOptions`.
    pub fn options_hold(&self) -> bool {
        let number = |text: &Option<Cow<'_, str>>| text.as_deref().is_none_or(|text| text.parse::<i64>().is_ok());
        number(&self.limit)
            && number(&self.timeout_seconds)
            && self.label_selector.as_deref().is_none_or(selector::labels_hold)
            && self.field_selector.as_deref().is_none_or(selector::fields_hold)
    }

    /// Returns the single name that the field selector requires, if it could stand in a path.
    pub fn name(&self) -> Option<Cow<'a, str>> {
        let name = match self.field_selector.as_ref()? {
            Cow::Borrowed(text) => selector::field(text, "metadata.name")?,
            Cow::Owned(text) => Cow::Owned(selector::field(text, "metadata.name")?.into_owned()),
        };
        let legal = !matches!(&*name, "." | "..") && !name.contains(['/', '%']);
        legal.then_some(name)
    }
}
