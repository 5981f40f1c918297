//! Colours: their names, how many the terminal can show, and the nearest it has.

use ratatui::style::{Color, Modifier, Style};

/// How many colours the terminal shows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub enum Depth {
    /// No colour.
    None,
    /// The sixteen of the terminal's own palette.
    Sixteen,
    /// The 256 indexed ones.
    Indexed,
    /// All colours.
    #[default]
    True,
}

impl Depth {
    /// From `NO_COLOR`, `COLORTERM` and `TERM`, as the environment has them.
    pub fn of_terminal(no_color: Option<&str>, colorterm: Option<&str>, term: Option<&str>) -> Self {
        let term = term.unwrap_or_default();
        match (no_color, colorterm) {
            (Some(set), _) if !set.is_empty() => Self::None,
            _ if term == "dumb" => Self::None,
            (_, Some("truecolor" | "24bit")) => Self::True,
            _ if term.contains("direct") => Self::True,
            _ if term.contains("256color") => Self::Indexed,
            _ if matches!(term, "linux" | "ansi" | "vt100" | "vt220" | "xterm" | "screen") => Self::Sixteen,
            _ => Self::Indexed,
        }
    }
}

/// The sixteen, by their usual names, and what they look like by default.
const NAMED: &[(&str, Color, (u8, u8, u8))] = &[
    ("black", Color::Black, (0, 0, 0)),
    ("red", Color::Red, (205, 49, 49)),
    ("green", Color::Green, (13, 188, 121)),
    ("yellow", Color::Yellow, (229, 229, 16)),
    ("blue", Color::Blue, (36, 114, 200)),
    ("magenta", Color::Magenta, (188, 63, 188)),
    ("cyan", Color::Cyan, (17, 168, 205)),
    ("gray", Color::Gray, (204, 204, 204)),
    ("darkgray", Color::DarkGray, (102, 102, 102)),
    ("lightred", Color::LightRed, (241, 76, 76)),
    ("lightgreen", Color::LightGreen, (35, 209, 139)),
    ("lightyellow", Color::LightYellow, (245, 245, 67)),
    ("lightblue", Color::LightBlue, (59, 142, 234)),
    ("lightmagenta", Color::LightMagenta, (214, 112, 214)),
    ("lightcyan", Color::LightCyan, (41, 184, 219)),
    ("white", Color::White, (255, 255, 255)),
    ("default", Color::Reset, (204, 204, 204)),
];

/// All colour names, for a suggestion.
pub(crate) fn names() -> impl Iterator<Item = &'static str> {
    NAMED.iter().map(|(name, ..)| *name)
}

/// Reads a colour name, `#rrggbb`, or a number of the 256.
pub fn parse(text: &str) -> Option<Color> {
    let lower = text.to_ascii_lowercase();
    if let Some((_, color, _)) = NAMED.iter().find(|(name, ..)| *name == lower) {
        return Some(*color);
    }
    if let Some(hex) = lower.strip_prefix('#') {
        let number = u32::from_str_radix(hex, 16).ok().filter(|_| hex.len() == 6)?;
        let [_, r, g, b] = number.to_be_bytes();
        return Some(Color::Rgb(r, g, b));
    }
    lower.parse().ok().map(Color::Indexed)
}

/// Red, green and blue of a colour; `None` for the terminal's own.
pub fn rgb(color: Color) -> Option<(u8, u8, u8)> {
    if let Color::Rgb(r, g, b) = color {
        return Some((r, g, b));
    }
    if let Color::Indexed(i) = color {
        return Some(indexed(i));
    }
    NAMED.iter().find(|(_, c, _)| *c == color && color != Color::Reset).map(|(.., rgb)| *rgb)
}

/// Brightness steps of the 6x6x6 cube.
const STEPS: [u8; 6] = [0, 95, 135, 175, 215, 255];

fn indexed(i: u8) -> (u8, u8, u8) {
    let step = |n: u8| STEPS.get(usize::from(n % 6)).copied().unwrap_or(0);
    match i {
        0..=15 => NAMED.get(usize::from(i)).map_or((0, 0, 0), |(.., rgb)| *rgb),
        16..=231 => (step((i - 16) / 36), step((i - 16) / 6), step(i - 16)),
        232..=255 => {
            let gray = 8 + (i - 232) * 10;
            (gray, gray, gray)
        }
    }
}

/// The nearest of the colours the terminal has; `None` where it has none.
pub fn reduce(color: Color, depth: Depth) -> Option<Color> {
    let (Color::Rgb(r, g, b), false) = (color, depth == Depth::True) else {
        return match (color, depth) {
            (_, Depth::None) => None,
            (Color::Indexed(i), Depth::Sixteen) => Some(nearest_named(indexed(i))),
            (color, _) => Some(color),
        };
    };
    match depth {
        Depth::None => None,
        Depth::Sixteen => Some(nearest_named((r, g, b))),
        Depth::Indexed | Depth::True => (16_u8..=255).min_by_key(|i| apart(indexed(*i), (r, g, b))).map(Color::Indexed),
    }
}

fn nearest_named(to: (u8, u8, u8)) -> Color {
    NAMED
        .iter()
        .filter(|(_, color, _)| *color != Color::Reset)
        .min_by_key(|(.., rgb)| apart(*rgb, to))
        .map_or(Color::Reset, |(_, color, _)| *color)
}

/// How different two colours look: squares weighted by how well the eye sees each.
fn apart(a: (u8, u8, u8), b: (u8, u8, u8)) -> u32 {
    let square = |x: u8, y: u8| u32::from(x.abs_diff(y)).pow(2);
    3 * square(a.0, b.0) + 6 * square(a.1, b.1) + square(a.2, b.2)
}

/// Reduces both colours of a style. Where there is no colour at all a background becomes reverse, so that the
/// cursor stays visible.
pub(crate) fn reduce_style(style: Style, depth: Depth) -> Style {
    let had_ground = style.bg.is_some_and(|c| c != Color::Reset);
    let mut reduced = style;
    reduced.fg = style.fg.and_then(|c| reduce(c, depth));
    reduced.bg = style.bg.and_then(|c| reduce(c, depth));
    if had_ground && depth == Depth::None { reduced.add_modifier(Modifier::REVERSED) } else { reduced }
}

/// Words that change the letters, not their colour.
const MODIFIERS: &[(&str, Modifier)] = &[
    ("bold", Modifier::BOLD),
    ("dim", Modifier::DIM),
    ("italic", Modifier::ITALIC),
    ("underline", Modifier::UNDERLINED),
    ("reverse", Modifier::REVERSED),
    ("crossed", Modifier::CROSSED_OUT),
];

/// Reads `bold #ff8800 on black`: words in any order, the background after `on`. The error is the word not understood.
pub fn parse_style(text: &str) -> Result<Style, String> {
    let mut style = Style::new();
    let mut words = text.split_whitespace();
    while let Some(word) = words.next() {
        if word == "on" {
            let ground = words.next().unwrap_or_default();
            style = style.bg(parse(ground).ok_or_else(|| ground.to_owned())?);
        } else if let Some((_, modifier)) = MODIFIERS.iter().find(|(name, _)| *name == word) {
            style = style.add_modifier(*modifier);
        } else {
            style = style.fg(parse(word).ok_or_else(|| word.to_owned())?);
        }
    }
    Ok(style)
}

/// Writes a style as [`parse_style`] reads it; nothing for a plain one.
pub fn print_style(style: Style) -> String {
    let modifiers =
        MODIFIERS.iter().filter(|(_, m)| style.add_modifier.contains(*m)).map(|(name, _)| (*name).to_owned());
    let fg = style.fg.filter(|c| *c != Color::Reset).map(print);
    let bg = style.bg.filter(|c| *c != Color::Reset).map(|c| format!("on {}", print(c)));
    modifiers.chain(fg).chain(bg).collect::<Vec<_>>().join(" ")
}

/// Writes a colour as [`parse`] reads it.
pub fn print(color: Color) -> String {
    if let Color::Rgb(r, g, b) = color {
        return format!("#{r:02x}{g:02x}{b:02x}");
    }
    if let Color::Indexed(i) = color {
        return i.to_string();
    }
    NAMED.iter().find(|(_, c, _)| *c == color).map_or_else(String::new, |(name, ..)| (*name).to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_style_reads_back_from_its_text() {
        for text in ["bold #ff8800 on black", "reverse", "underline lightblue", "on #101010", "dim 244"] {
            assert_eq!(print_style(parse_style(text).unwrap()), text);
        }
        assert_eq!(parse_style("bold blu"), Err("blu".to_owned()));
        assert_eq!(parse_style("on"), Err(String::new()));
        assert_eq!(parse("#12345"), None);
    }

    #[test]
    fn the_environment_says_how_many_colours() {
        assert_eq!(Depth::of_terminal(Some("1"), Some("truecolor"), Some("xterm")), Depth::None);
        assert_eq!(Depth::of_terminal(Some(""), Some("truecolor"), None), Depth::True);
        assert_eq!(Depth::of_terminal(None, None, Some("xterm-256color")), Depth::Indexed);
        assert_eq!(Depth::of_terminal(None, None, Some("linux")), Depth::Sixteen);
        assert_eq!(Depth::of_terminal(None, None, Some("dumb")), Depth::None);
    }

    #[test]
    fn a_reduced_colour_is_one_the_terminal_has() {
        assert_eq!(reduce(Color::Rgb(255, 0, 0), Depth::Indexed), Some(Color::Indexed(196)));
        assert_eq!(reduce(Color::Rgb(250, 70, 70), Depth::Sixteen), Some(Color::LightRed));
        assert_eq!(reduce(Color::Red, Depth::None), None);
        let cursor = reduce_style(parse_style("white on #334455").unwrap(), Depth::None);
        assert!(cursor.add_modifier.contains(Modifier::REVERSED));
    }
}
