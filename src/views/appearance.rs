//! The theme in force: as asked for by name, else as suits the terminal's background and colours.

use super::theme::file::Themes;
use super::theme::{self, Depth, Theme, Wish};
use crate::model::text::Text;

/// The themes there are, the one in force, and the reasons for it.
#[derive(Debug)]
pub struct Appearance {
    themes: Themes,
    theme: Theme,
    /// The theme asked for in this run.
    wished: Option<String>,
    /// The terminal's answer about its background.
    is_light: Option<bool>,
    depth: Depth,
}

impl Appearance {
    /// The theme asked for by name; `last` is the one of the last session. A name that is gone is left out, and the
    /// sentence about it is returned.
    pub fn new(
        themes: Themes,
        wished: Option<String>,
        depth: Depth,
        last: &mut Option<Text>,
    ) -> (Self, Option<String>) {
        let theme = themes.or_default("").reduced(depth);
        let mut appearance = Self { themes, theme, wished, is_light: None, depth };
        let lost = appearance.forget_unknown(last);
        appearance.choose(last.as_deref());
        (appearance, lost)
    }

    /// Returns the theme in force.
    pub fn theme(&self) -> &Theme {
        &self.theme
    }

    /// Returns all themes.
    pub fn themes(&self) -> &Themes {
        &self.themes
    }

    /// Takes the terminal's answer about its background; `last` is the theme of the session.
    pub fn set_background(&mut self, is_light: bool, last: Option<&str>) {
        self.is_light = Some(is_light);
        self.choose(last);
    }

    /// Takes the theme that suits the terminal again, now and later.
    pub fn follow_terminal(&mut self) {
        self.wished = None;
        self.choose(None);
    }

    /// Takes a theme by its name. Fails if there is no such theme: the error names those there are.
    pub fn select(&mut self, name: &str) -> Result<(), String> {
        self.theme = self.themes.named(name)?.clone().reduced(self.depth);
        // The answer of the terminal may come later.
        self.wished = Some(name.to_owned());
        Ok(())
    }

    fn choose(&mut self, last: Option<&str>) {
        let asked = self.wished.as_deref().or(last);
        let name = theme::choose(&Wish { theme: asked, is_light: self.is_light, depth: self.depth });
        self.theme = self.themes.or_default(name).reduced(self.depth);
    }

    fn forget_unknown(&mut self, last: &mut Option<Text>) -> Option<String> {
        let wished = self.wished.take_if(|name| self.themes.named(name).is_err());
        let last = last.take_if(|name| self.themes.named(name).is_err());
        let name = wished.or(last.map(Into::into))?;
        self.themes.named(&name).err()
    }
}
