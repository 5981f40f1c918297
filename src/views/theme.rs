//! One semantic palette: views name what a thing means, the theme says how it looks.

pub mod color;
pub mod file;

pub use color::Depth;

use crate::model::cluster::ClusterState;
use crate::model::health::Health;
use crate::protocol::Severity;
use ratatui::style::{Color, Style};
use std::sync::Arc;

/// The meaning of a piece of the screen.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Role {
    /// Plain text.
    Text,
    /// Secondary text: units, separators, what is there but seldom read.
    Dim,
    /// Text that stands out.
    Strong,
    /// The name of the view in the header line.
    Title,
    /// Scope and namespaces in the header line.
    Scope,
    /// Column headings.
    Header,
    /// The row or line the cursor is on.
    Cursor,
    /// Marks.
    Mark,
    /// Text that a filter or a search matched.
    Match,
    /// The match the cursor is on.
    MatchCurrent,
    /// Healthy objects and live clusters.
    Healthy,
    /// Objects on their way.
    Progressing,
    /// Objects that work, but not as asked.
    Degraded,
    /// Failed objects, unreachable clusters.
    Failed,
    /// Objects whose health nothing tells.
    Unknown,
    /// No longer current: dimmed, with its age.
    Stale,
    /// A message for information.
    Note,
    /// A warning.
    Warning,
    /// An error.
    Error,
    /// A key in the hint line.
    Key,
    /// A word in the hint line.
    Hint,
    /// The kind of line that is typed.
    Input,
    /// The rest that a completion would add.
    Ghost,
    /// Lines between parts of the screen.
    Border,
    /// The background of panels.
    Overlay,
    /// The title of a panel.
    OverlayTitle,
    /// A tab.
    Tab,
    /// The tab that is shown.
    TabActive,
    /// Protected clusters.
    Protected,
    /// Read-only clusters.
    ReadOnly,
    /// Clusters whose certificate is not checked.
    Insecure,
    /// A key in YAML.
    YamlKey,
    /// A string in YAML.
    YamlText,
    /// A number in YAML.
    YamlNumber,
    /// True, false and null in YAML.
    YamlLiteral,
    /// A comment in YAML.
    YamlComment,
    /// A masked or revealed secret value.
    Secret,
}

/// All roles with the name theme files use.
pub const ROLES: &[(Role, &str)] = &[
    (Role::Text, "text"),
    (Role::Dim, "dim"),
    (Role::Strong, "strong"),
    (Role::Title, "title"),
    (Role::Scope, "scope"),
    (Role::Header, "header"),
    (Role::Cursor, "cursor"),
    (Role::Mark, "mark"),
    (Role::Match, "match"),
    (Role::MatchCurrent, "match-current"),
    (Role::Healthy, "healthy"),
    (Role::Progressing, "progressing"),
    (Role::Degraded, "degraded"),
    (Role::Failed, "failed"),
    (Role::Unknown, "unknown"),
    (Role::Stale, "stale"),
    (Role::Note, "note"),
    (Role::Warning, "warning"),
    (Role::Error, "error"),
    (Role::Key, "key"),
    (Role::Hint, "hint"),
    (Role::Input, "input"),
    (Role::Ghost, "ghost"),
    (Role::Border, "border"),
    (Role::Overlay, "overlay"),
    (Role::OverlayTitle, "overlay-title"),
    (Role::Tab, "tab"),
    (Role::TabActive, "tab-active"),
    (Role::Protected, "protected"),
    (Role::ReadOnly, "read-only"),
    (Role::Insecure, "insecure"),
    (Role::YamlKey, "yaml-key"),
    (Role::YamlText, "yaml-text"),
    (Role::YamlNumber, "yaml-number"),
    (Role::YamlLiteral, "yaml-literal"),
    (Role::YamlComment, "yaml-comment"),
    (Role::Secret, "secret"),
];

impl Role {
    /// The name theme files use.
    pub fn name(self) -> &'static str {
        ROLES.iter().find(|(r, _)| *r == self).map_or("", |(_, name)| name)
    }
}

/// The background a theme is made for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, serde::Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Background {
    /// A dark background.
    #[default]
    Dark,
    /// A light background.
    Light,
    /// Whatever the terminal has.
    Any,
}

/// How everything looks.
#[derive(Debug, Clone, PartialEq)]
pub struct Theme {
    /// The name by which it is chosen.
    pub name: Arc<str>,
    /// A line for the palette.
    pub about: Arc<str>,
    /// The background it is made for.
    pub background: Background,
    /// The styles, one per role, in the order of [`ROLES`].
    styles: Vec<Style>,
    /// Clusters take these in turn.
    clusters: Vec<Color>,
}

impl Theme {
    /// Returns the style of a role.
    pub fn style(&self, role: Role) -> Style {
        // The enum and the table have the same order; a test holds it.
        self.styles.get(role as usize).copied().unwrap_or_default()
    }

    /// The style of the nth cluster's colour bar, or of the colour its entry names.
    pub fn cluster(&self, nth: usize, named: Option<&str>) -> Style {
        if self.clusters.is_empty() {
            return self.style(Role::Text);
        }
        let own = named.and_then(color::parse).filter(|_| self.is_colored());
        let turn = self.clusters.get(nth % self.clusters.len()).copied();
        own.or(turn).map_or_else(|| self.style(Role::Text), |c| Style::new().fg(c))
    }

    /// Returns the style of an object's health.
    pub fn health(&self, health: &Health) -> Style {
        self.style(match health {
            Health::Unknown => Role::Unknown,
            Health::Healthy => Role::Healthy,
            Health::Progressing => Role::Progressing,
            Health::Degraded(_) => Role::Degraded,
            Health::Failed(_) => Role::Failed,
        })
    }

    /// Returns the style of a cluster's state.
    pub fn state(&self, state: &ClusterState) -> Style {
        self.style(match state {
            ClusterState::Listed | ClusterState::Paused => Role::Dim,
            ClusterState::Connecting => Role::Progressing,
            ClusterState::Live => Role::Healthy,
            ClusterState::Stale { .. } => Role::Stale,
            ClusterState::Denied { .. } | ClusterState::AuthNeeded { .. } => Role::Degraded,
            ClusterState::Unreachable { .. } => Role::Failed,
        })
    }

    /// Returns the style of a message.
    pub fn severity(&self, severity: Severity) -> Style {
        self.style(match severity {
            Severity::Note => Role::Note,
            Severity::Warning => Role::Warning,
            Severity::Error => Role::Error,
        })
    }

    /// The same theme in the colours the terminal can show.
    #[must_use]
    pub fn reduced(mut self, depth: Depth) -> Self {
        for style in &mut self.styles {
            *style = color::reduce_style(*style, depth);
        }
        self.clusters = self.clusters.iter().filter_map(|c| color::reduce(*c, depth)).collect();
        self
    }

    fn is_colored(&self) -> bool {
        !self.clusters.is_empty()
    }
}

/// The six that are compiled in: name and text of each, so that a picture needs no file.
pub const BUILT_IN: &[(&str, &str)] = &[
    ("quarterdeck-dark", include_str!("../../themes/quarterdeck-dark.yaml")),
    ("quarterdeck-light", include_str!("../../themes/quarterdeck-light.yaml")),
    ("high-contrast", include_str!("../../themes/high-contrast.yaml")),
    ("colour-blind", include_str!("../../themes/colour-blind.yaml")),
    ("sixteen", include_str!("../../themes/sixteen.yaml")),
    ("mono", include_str!("../../themes/mono.yaml")),
];

/// The name that asks for the theme that suits the terminal.
pub const AUTO: &str = "auto";

/// The facts that decide the theme when the screen starts.
#[derive(Debug, Clone, Default)]
pub struct Wish<'a> {
    /// The theme somebody asked for by name.
    pub theme: Option<&'a str>,
    /// The terminal's answer about its background; `None` when it did not answer.
    pub is_light: Option<bool>,
    /// The colours the terminal has.
    pub depth: Depth,
}

/// The name of the theme to start with: no colour beats everything, then what was asked for, then what suits the
/// terminal. A terminal that says nothing is taken for dark, as most are.
pub fn choose<'a>(wish: &Wish<'a>) -> &'a str {
    match (wish.depth, wish.theme, wish.is_light) {
        (Depth::None, ..) => "mono",
        (_, Some(name), _) => name,
        (Depth::Sixteen, ..) => "sixteen",
        (_, _, Some(true)) => "quarterdeck-light",
        (_, _, Some(false) | None) => "quarterdeck-dark",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn roles_and_their_table_have_one_order() {
        for (i, (role, name)) in ROLES.iter().enumerate() {
            assert_eq!(*role as usize, i, "{name}");
        }
        assert_eq!(Role::Secret as usize + 1, ROLES.len());
    }

    #[test]
    fn no_color_wins_and_the_terminal_decides_the_rest() {
        let wish = |theme, is_light, depth| choose(&Wish { theme, is_light, depth });
        assert_eq!(wish(Some("high-contrast"), None, Depth::None), "mono");
        assert_eq!(wish(Some("high-contrast"), Some(true), Depth::True), "high-contrast");
        assert_eq!(wish(None, Some(true), Depth::Indexed), "quarterdeck-light");
        assert_eq!(wish(None, None, Depth::True), "quarterdeck-dark");
        assert_eq!(wish(None, Some(true), Depth::Sixteen), "sixteen");
    }
}
