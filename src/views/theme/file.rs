//! Theme files: a base and what differs from it, checked with file, line and a suggestion.

use super::color::{names, parse, parse_style};
use super::{AUTO, BUILT_IN, Background, ROLES, Theme};
use crate::views::keymap::file::{Problem, did_you_mean};
use crate::views::suggest::nearest;
use ratatui::style::Style;
use serde_saphyr::Spanned;
use std::collections::BTreeMap;
use std::sync::Arc;

/// A theme file as written.
#[derive(Debug, serde::Deserialize)]
#[serde(deny_unknown_fields)]
struct Written {
    name: String,
    #[serde(default)]
    about: String,
    /// Theme files call it `ground`.
    #[serde(default, rename = "ground")]
    background: Background,
    /// A built-in theme that gives every role not named here.
    #[serde(default)]
    base: Option<Spanned<String>>,
    #[serde(default)]
    roles: BTreeMap<String, Spanned<String>>,
    #[serde(default)]
    clusters: Option<Vec<Spanned<String>>>,
}

/// All themes to choose from: the built-in ones, then the user's. A user's theme of a built-in name replaces it.
#[derive(Debug, Clone)]
pub struct Themes {
    all: Vec<Theme>,
}

impl Default for Themes {
    fn default() -> Self {
        Self::with_files(std::iter::empty()).0
    }
}

impl Themes {
    /// Reads the user's theme files, given as (file name, text). A wrong entry is reported and left out.
    pub fn with_files<'a>(files: impl IntoIterator<Item = (&'a str, &'a str)>) -> (Self, Vec<Problem>) {
        let mut themes = Self { all: Vec::new() };
        let mut problems = Vec::new();
        for (file, text) in BUILT_IN.iter().copied().chain(files) {
            match read(&themes, file, text) {
                Ok((theme, mut wrong)) => {
                    themes.all.retain(|t| t.name != theme.name);
                    themes.all.push(theme);
                    problems.append(&mut wrong);
                }
                Err(problem) => problems.push(problem),
            }
        }
        (themes, problems)
    }

    /// The theme of that name; the error is a hint.
    pub fn named(&self, name: &str) -> Result<&Theme, String> {
        self.all.iter().find(|t| &*t.name == name).ok_or_else(|| {
            let hint = match nearest(name, self.names()) {
                near @ Some(_) => did_you_mean(near),
                None => format!("known are {}", self.names().collect::<Vec<_>>().join(", ")),
            };
            format!("there is no theme {name}; {hint}")
        })
    }

    /// As [`Themes::named`]; the dark one when there is none of that name.
    pub fn or_default(&self, name: &str) -> Theme {
        let found = self.named(name).ok().or_else(|| self.all.first());
        found.cloned().unwrap_or_else(plain)
    }

    /// All names that may be asked for, [`AUTO`] first.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        std::iter::once(AUTO).chain(self.all.iter().map(|t| &*t.name))
    }

    /// Returns all themes, the built-in ones first.
    pub fn iter(&self) -> impl Iterator<Item = &Theme> {
        self.all.iter()
    }
}

/// A theme that styles nothing.
fn plain() -> Theme {
    Theme {
        name: Arc::from("plain"),
        about: Arc::from(""),
        background: Background::Any,
        styles: vec![Style::new(); ROLES.len()],
        clusters: Vec::new(),
    }
}

fn read(known: &Themes, file: &str, text: &str) -> Result<(Theme, Vec<Problem>), Problem> {
    let problem = |line, message: String, hint| Problem { file: file.to_owned(), line, message, hint };
    let written: Written = serde_saphyr::from_str(text)
        .map_err(|e| problem(e.location().map_or(0, |l| l.line()), e.without_snippet().to_string(), String::new()))?;
    let mut problems = Vec::new();
    let mut theme = plain();
    if let Some(base) = &written.base {
        match known.named(&base.value) {
            Ok(base) => theme = base.clone(),
            Err(hint) => problems.push(problem(base.referenced.line(), hint, String::new())),
        }
    } else if let (false, Some(first)) = (BUILT_IN.iter().any(|(name, _)| *name == file), known.all.first()) {
        theme = first.clone();
    }
    theme.name = Arc::from(written.name);
    theme.about = Arc::from(written.about);
    theme.background = written.background;
    for (name, style) in &written.roles {
        let line = style.referenced.line();
        let Some(slot) = ROLES.iter().position(|(_, n)| n == name).and_then(|i| theme.styles.get_mut(i)) else {
            let hint = did_you_mean(nearest(name, ROLES.iter().map(|(_, n)| *n)));
            problems.push(problem(line, format!("unknown role {name}"), hint));
            continue;
        };
        match parse_style(&style.value) {
            Ok(style) => *slot = style,
            Err(word) => problems.push(problem(line, format!("{word:?} is no colour"), color_hint(&word))),
        }
    }
    if let Some(clusters) = &written.clusters {
        theme.clusters.clear();
        for color in clusters {
            match parse(&color.value) {
                Some(c) => theme.clusters.push(c),
                None => problems.push(problem(
                    color.referenced.line(),
                    format!("{:?} is no colour", color.value),
                    color_hint(&color.value),
                )),
            }
        }
    }
    problems.sort_by_key(|p| p.line);
    Ok((theme, problems))
}

fn color_hint(word: &str) -> String {
    match nearest(word, names()) {
        Some(name) => did_you_mean(Some(name)),
        None => "colours are written lightblue, #3b8eea or 39".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::super::{Role, color};
    use super::*;
    use ratatui::style::{Color, Modifier};

    #[test]
    fn the_built_in_themes_are_whole_and_right() {
        let (themes, problems) = Themes::with_files([]);
        assert_eq!(problems, []);
        assert_eq!(themes.iter().map(|t| t.name.to_string()).collect::<Vec<_>>(), BUILT_IN.map_names());
        for (name, text) in BUILT_IN {
            for (_, role) in ROLES {
                assert!(text.contains(&format!("\n  {role}:")), "{name} lacks {role}");
            }
        }
    }

    trait Names {
        fn map_names(&self) -> Vec<String>;
    }

    impl Names for [(&str, &str)] {
        fn map_names(&self) -> Vec<String> {
            self.iter().map(|(name, _)| (*name).to_owned()).collect()
        }
    }

    #[test]
    fn sixteen_uses_sixteen_colours_and_mono_none() {
        let themes = Themes::default();
        for (role, name) in ROLES {
            let style = themes.named("sixteen").unwrap().style(*role);
            for c in [style.fg, style.bg].into_iter().flatten() {
                assert!(!matches!(c, Color::Rgb(..) | Color::Indexed(_)), "{name}");
            }
            let style = themes.named("mono").unwrap().style(*role);
            assert!(style.fg.is_none() && style.bg.is_none(), "{name}");
        }
        let mono = themes.named("mono").unwrap();
        assert_eq!(mono.cluster(3, Some("red")).fg, None, "mono ignores the colours of clusters too");
        assert!(mono.style(Role::Cursor).add_modifier.contains(Modifier::REVERSED));
    }

    /// Contrast as WCAG 2 computes it.
    fn contrast(a: (u8, u8, u8), b: (u8, u8, u8)) -> f64 {
        let part = |c: u8| {
            let c = f64::from(c) / 255.0;
            if c <= 0.039_28 { c / 12.92 } else { ((c + 0.055) / 1.055).powf(2.4) }
        };
        let light = |(r, g, b): (u8, u8, u8)| 0.2126 * part(r) + 0.7152 * part(g) + 0.0722 * part(b);
        let (x, y) = (light(a), light(b));
        (x.max(y) + 0.05) / (x.min(y) + 0.05)
    }

    #[test]
    fn text_can_be_read_on_its_ground() {
        let themes = Themes::default();
        for (name, ground, text_min, least) in [
            ("quarterdeck-dark", (0x16, 0x1a, 0x20), 4.5, 3.0),
            ("quarterdeck-light", (0xff, 0xff, 0xff), 4.5, 3.0),
            ("high-contrast", (0, 0, 0), 7.0, 7.0),
            ("colour-blind", (0x16, 0x1a, 0x20), 4.5, 3.0),
        ] {
            let theme = themes.named(name).unwrap();
            for (role, role_name) in ROLES {
                let style = theme.style(*role);
                let quiet = matches!(role, Role::Dim | Role::Stale | Role::Ghost | Role::Border | Role::Hint);
                let Some(fg) = style.fg.and_then(color::rgb) else { continue };
                let bg = style.bg.and_then(color::rgb).unwrap_or(ground);
                let min = if quiet { least } else { text_min };
                assert!(contrast(fg, bg) >= min, "{name}: {role_name} has {:.1}", contrast(fg, bg));
                // A cursor with a text colour of its own covers the row's; one without must let it be read.
                let cursor = theme.style(Role::Cursor);
                let cursor = cursor.bg.filter(|_| cursor.fg.is_none()).and_then(color::rgb);
                if let (Some(cursor), None) = (cursor, style.bg) {
                    assert!(contrast(fg, cursor) >= least * 0.8, "{name}: {role_name} on the cursor row");
                }
            }
        }
    }

    #[test]
    fn a_users_theme_changes_what_it_names_and_its_mistakes_are_placed() {
        let text = "name: mine\nbase: quarterdek-dark\nroles:\n  failed: bold rde\n  heatlhy: green\n  mark: magenta\nclusters: [red, '#zz']\n";
        let (themes, problems) = Themes::with_files([("mine.yaml", text)]);
        let shown: Vec<String> = problems.iter().map(ToString::to_string).collect();
        insta::assert_snapshot!(shown.join("\n"), @r##"
        mine.yaml:2: there is no theme quarterdek-dark; did you mean quarterdeck-dark?
        mine.yaml:4: "rde" is no colour (did you mean red?)
        mine.yaml:5: unknown role heatlhy (did you mean healthy?)
        mine.yaml:7: "#zz" is no colour (colours are written lightblue, #3b8eea or 39)
        "##);
        assert_eq!(themes.named("mine").unwrap().style(Role::Mark).fg, Some(Color::Magenta));
        let (themes, _) = Themes::with_files([("t.yaml", "name: t\nroles:\n  mark: red\n")]);
        let dark = themes.named("quarterdeck-dark").unwrap();
        assert_eq!(themes.named("t").unwrap().style(Role::Failed), dark.style(Role::Failed));
    }

    #[test]
    fn an_unknown_field_is_reported_with_its_line() {
        let (_, problems) = Themes::with_files([("t.yaml", "name: t\nrolls:\n  mark: red\n")]);
        assert_eq!(problems.len(), 1);
        assert_eq!(problems[0].line, 2, "{}", problems[0]);
        assert!(problems[0].message.contains("rolls"), "{}", problems[0]);
    }

    proptest::proptest! {
        #[test]
        fn any_text_is_a_theme_or_a_problem(text in "\\PC{0,60}") {
            drop(Themes::with_files([("t.yaml", text.as_str())]));
        }
    }
}
