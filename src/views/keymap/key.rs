//! One key press as we name it: free of the terminal library, equal however the terminal sent it.

/// Which key, before its modifiers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Code {
    /// A character; letters are lower case, capitals are [`Key::shift`].
    Char(char),
    /// Enter.
    Enter,
    /// Escape.
    Esc,
    /// Tab.
    Tab,
    /// Backspace.
    Backspace,
    /// Delete.
    Delete,
    /// Insert.
    Insert,
    /// The up arrow.
    Up,
    /// The down arrow.
    Down,
    /// The left arrow.
    Left,
    /// The right arrow.
    Right,
    /// Home.
    Home,
    /// End.
    End,
    /// Page up.
    PageUp,
    /// Page down.
    PageDown,
    /// A function key by its number.
    F(u8),
}

/// A key with its modifiers, in one canonical form: equal presses compare equal.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Key {
    /// The key without modifiers.
    pub code: Code,
    /// Control was held.
    pub ctrl: bool,
    /// Alt was held.
    pub alt: bool,
    /// Only letters and keys without a character carry it: on symbols it is part of the character.
    pub shift: bool,
}

/// Modifiers as a terminal reports them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Modifiers {
    /// Control was held.
    pub ctrl: bool,
    /// Alt was held.
    pub alt: bool,
    /// Shift was held.
    pub shift: bool,
}

/// Names of keys that are not written as their character.
const NAMES: &[(&str, Code)] = &[
    ("space", Code::Char(' ')),
    ("enter", Code::Enter),
    ("esc", Code::Esc),
    ("tab", Code::Tab),
    ("backspace", Code::Backspace),
    ("delete", Code::Delete),
    ("insert", Code::Insert),
    ("up", Code::Up),
    ("down", Code::Down),
    ("left", Code::Left),
    ("right", Code::Right),
    ("home", Code::Home),
    ("end", Code::End),
    ("pageup", Code::PageUp),
    ("pagedown", Code::PageDown),
];

/// Terminals without the newer keyboard protocol send these with control as the digit beside it.
const CONTROL_DIGITS: &[(char, char)] = &[('4', '\\'), ('5', ']'), ('6', '^'), ('7', '_')];

impl Key {
    /// Brings what a terminal reported into the canonical form.
    pub fn new(code: Code, modifiers: Modifiers) -> Self {
        let Modifiers { ctrl, alt, shift } = modifiers;
        let Code::Char(c) = code else { return Self { code, ctrl, alt, shift } };
        if c.is_ascii_uppercase() {
            return Self { code: Code::Char(c.to_ascii_lowercase()), ctrl, alt, shift: true };
        }
        let c = if ctrl { CONTROL_DIGITS.iter().find(|(from, _)| *from == c).map_or(c, |(_, to)| *to) } else { c };
        Self { code: Code::Char(c), ctrl, alt, shift: shift && c.is_ascii_lowercase() }
    }

    /// A character without modifiers (a capital is shift and its letter).
    pub fn char(c: char) -> Self {
        Self::new(Code::Char(c), Modifiers::default())
    }

    /// A key without modifiers.
    pub fn plain(code: Code) -> Self {
        Self::new(code, Modifiers::default())
    }

    /// A letter with control.
    pub fn ctrl(c: char) -> Self {
        Self::new(Code::Char(c), Modifiers { ctrl: true, ..Modifiers::default() })
    }

    /// The character it types into a line of text, if it types one.
    pub fn typed(self) -> Option<char> {
        let Code::Char(c) = self.code else { return None };
        let typed = if self.shift { c.to_ascii_uppercase() } else { c };
        (!self.ctrl && !self.alt).then_some(typed)
    }

    /// Reads `ctrl-z`, `shift-n`, `N`, `space`, `[`, `ctrl-\`, `f5`, `-`.
    pub fn parse(text: &str) -> Option<Self> {
        let mut modifiers = Modifiers::default();
        let mut rest = text;
        loop {
            let lower = rest.to_ascii_lowercase();
            // The modifier must be followed by a key: `-` alone and `ctrl--` name the minus.
            let (flag, length) = match () {
                () if lower.starts_with("ctrl-") => (&mut modifiers.ctrl, 5),
                () if lower.starts_with("alt-") => (&mut modifiers.alt, 4),
                () if lower.starts_with("shift-") => (&mut modifiers.shift, 6),
                () => break,
            };
            *flag = true;
            rest = rest.get(length..)?;
        }
        Some(Self::new(parse_code(rest)?, modifiers))
    }
}

fn parse_code(text: &str) -> Option<Code> {
    let mut chars = text.chars();
    if let (Some(c), None) = (chars.next(), chars.next()) {
        return (!c.is_control() && c != ' ').then_some(Code::Char(c));
    }
    let lower = text.to_ascii_lowercase();
    if let Some((_, code)) = NAMES.iter().find(|(name, _)| *name == lower) {
        return Some(*code);
    }
    let number: u8 = lower.strip_prefix('f')?.parse().ok()?;
    (1..=24).contains(&number).then_some(Code::F(number))
}

impl std::fmt::Display for Key {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        for (set, name) in [(self.ctrl, "ctrl-"), (self.alt, "alt-"), (self.shift, "shift-")] {
            if set {
                f.write_str(name)?;
            }
        }
        if let Some((name, _)) = NAMES.iter().find(|(_, code)| *code == self.code) {
            return f.write_str(name);
        }
        if let Code::F(number) = self.code {
            return write!(f, "f{number}");
        }
        if let Code::Char(c) = self.code { write!(f, "{c}") } else { Ok(()) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn keys_read_as_they_are_written() {
        for name in ["ctrl-z", "shift-n", "space", "[", "ctrl-\\", "f5", "-", "ctrl--", "shift-tab", "alt-enter", "?"] {
            assert_eq!(Key::parse(name).map(|k| k.to_string()).as_deref(), Some(name));
        }
        assert_eq!(Key::parse("N"), Key::parse("shift-n"));
        assert_eq!(Key::parse("ctrl-4"), Key::parse("ctrl-\\"), "older terminals send the digit");
        for wrong in ["", "ctrl-", "hyper-x", "f99", "nonsense", " "] {
            assert_eq!(Key::parse(wrong), None, "{wrong:?}");
        }
    }

    #[test]
    fn shift_on_a_symbol_is_part_of_the_symbol() {
        let shift = Modifiers { shift: true, ..Modifiers::default() };
        assert_eq!(Key::new(Code::Char('?'), shift), Key::char('?'));
        assert_eq!(Key::new(Code::Char('N'), shift), Key::new(Code::Char('n'), shift));
        assert_eq!(Key::char('N').typed(), Some('N'));
    }

    proptest! {
        #[test]
        fn every_key_reads_back_from_its_name(
            c in "[!-~]", named in 0..NAMES.len(), function in 1_u8..=24, which in 0..3, flags in 0_u8..8,
        ) {
            let code = match which {
                0 => Code::Char(c.chars().next().unwrap()),
                1 => NAMES[named].1,
                _ => Code::F(function),
            };
            let modifiers = Modifiers { ctrl: flags & 1 > 0, alt: flags & 2 > 0, shift: flags & 4 > 0 };
            let key = Key::new(code, modifiers);
            prop_assert_eq!(Key::parse(&key.to_string()), Some(key));
        }

        #[test]
        fn parsing_never_panics(text in "\\PC{0,12}") {
            let _ = Key::parse(&text);
        }
    }
}
