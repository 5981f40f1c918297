//! The palette: find a kind, cluster, group, namespace, command or theme by a few of its letters.

mod entries;

pub use entries::{Sources, entries};

use super::cursor::{Clicked, ListCursor};
use super::keymap::common::{ACCEPT, ESCAPE, PAGES, QUIT, TYPED_MOVES};
use super::keymap::{Action, Code, Context, ContextSpec, Key};
use super::panel::{centred, frame, line, right, write};
use super::reader::draw::put;
use super::theme::{Role, Theme};
use super::view::{Input, Reply, ScreenCommand, View, ViewContext, ViewSpec};
use crate::model::text::{Text, fit, width};
use nucleo_matcher::pattern::{AtomKind, CaseMatching, Normalization, Pattern};
use nucleo_matcher::{Config, Matcher, Utf32Str};
use ratatui::buffer::Buffer;
use ratatui::layout::{Position, Rect};

/// The sort of an entry; equal matches are listed in this order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum What {
    /// A kind of object.
    Kind,
    /// A command.
    Command,
    /// A cluster.
    Cluster,
    /// A group of clusters.
    Group,
    /// A namespace.
    Namespace,
    /// A theme.
    Theme,
}

impl What {
    /// Returns the word shown beside the entry.
    pub fn word(self) -> &'static str {
        match self {
            Self::Kind => "kind",
            Self::Command => "command",
            Self::Cluster => "cluster",
            Self::Group => "group",
            Self::Namespace => "namespace",
            Self::Theme => "theme",
        }
    }
}

/// Something that can be found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PaletteEntry {
    /// The sort of thing it is.
    pub what: What,
    /// The name, which is searched first.
    pub name: Text,
    /// Also searched and shown: short names, a group, a description.
    pub more: Text,
    /// The command line that choosing it runs.
    pub command: String,
}

/// An entry that matched, and which letters of its name did.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Hit {
    /// The entry's place in the list of all.
    pub entry: usize,
    /// The letters of its name that matched, by number.
    pub letters: Vec<u32>,
}

/// How many entries are looked through; a fleet has a thousand clusters at most on one screen.
pub const ENTRIES_MAX: usize = 20_000;

/// How many hits are kept: more than anybody reads.
const HITS_MAX: usize = 200;

/// The longest text that can be typed.
const TYPED_MAX: usize = 80;

/// Ranks entries by how well they match what was typed, best first. Words may match in any order; a match in the
/// name counts more than one in the rest.
pub fn rank(matcher: &mut Matcher, entries: &[PaletteEntry], typed: &str) -> Vec<Hit> {
    let pattern = Pattern::new(typed, CaseMatching::Ignore, Normalization::Smart, AtomKind::Fuzzy);
    let mut buffer = Vec::new();
    let mut scored: Vec<(u32, usize)> = Vec::new();
    for (at, entry) in entries.iter().enumerate().take(ENTRIES_MAX) {
        let by_name =
            pattern.score(Utf32Str::new(&entry.name, &mut buffer), matcher).map(|s| s * 2 + exact(entry, typed));
        let mut by_more = || {
            // A short name typed in full is as good as the name.
            let is_word = entry.more.split([' ', ',']).any(|w| w == typed);
            let score = pattern.score(Utf32Str::new(&entry.more, &mut buffer), matcher)?;
            Some(if is_word && !typed.is_empty() { score * 2 + EXACT } else { score })
        };
        let score = match (by_name, by_more()) {
            (Some(a), Some(b)) => a.max(b),
            (Some(a), None) | (None, Some(a)) => a,
            (None, None) => continue,
        };
        scored.push((score, at));
    }
    let order = |at: &usize| entries.get(*at).map(|e| (e.name.len(), e.what));
    if typed.is_empty() {
        scored.sort_by_key(|(_, at)| *at);
    } else {
        scored.sort_by(|a, b| b.0.cmp(&a.0).then_with(|| order(&a.1).cmp(&order(&b.1))).then_with(|| a.1.cmp(&b.1)));
    }
    scored.truncate(HITS_MAX);
    let mut letters_of = |at: usize| {
        let mut letters = Vec::new();
        if let Some(entry) = entries.get(at) {
            pattern.indices(Utf32Str::new(&entry.name, &mut buffer), matcher, &mut letters);
        }
        letters.sort_unstable();
        letters.dedup();
        letters
    };
    scored.into_iter().map(|(_, at)| Hit { entry: at, letters: letters_of(at) }).collect()
}

/// The points that typing the whole name adds to a score: more than any fuzzy match of something else.
const EXACT: u32 = 1_000;

fn exact(entry: &PaletteEntry, typed: &str) -> u32 {
    if entry.name.eq_ignore_ascii_case(typed) { EXACT } else { 0 }
}

/// The palette while it is open.
#[derive(Debug)]
pub struct Palette {
    entries: Vec<PaletteEntry>,
    typed: String,
    hits: Vec<Hit>,
    cursor: ListCursor,
    matcher: Matcher,
}

impl Palette {
    /// A palette of these entries, all of them shown.
    pub fn new(entries: Vec<PaletteEntry>) -> Self {
        let matcher = Matcher::new(Config::DEFAULT);
        let mut palette =
            Self { entries, typed: String::new(), hits: Vec::new(), cursor: ListCursor::default(), matcher };
        palette.search();
        palette
    }

    /// Types or erases a letter; `false` if the key does neither.
    fn key(&mut self, key: Key) -> bool {
        match (key.typed(), key.code, key.ctrl) {
            (Some(c), ..) if self.typed.chars().count() < TYPED_MAX => self.typed.push(c),
            (None, Code::Backspace, _) => drop(self.typed.pop()),
            (None, Code::Char('u'), true) => self.typed.clear(),
            (None, Code::Char('w'), true) => {
                let kept = self.typed.trim_end().rfind(' ').map_or(0, |at| at + 1);
                self.typed.truncate(kept);
            }
            _ => return false,
        }
        self.search();
        true
    }

    fn search(&mut self) {
        self.hits = rank(&mut self.matcher, &self.entries, &self.typed);
        self.cursor = ListCursor::default();
    }

    /// Moves over the hits; returns false if the action is no move.
    fn step(&mut self, action: Action, area: Rect) -> bool {
        let rows = rows_of(area);
        let (at, last) = (self.cursor.at(), self.hits.len().saturating_sub(1));
        match action {
            // Round the end: what is at the other one is near.
            Action::UP if at == 0 => self.cursor.go(last, rows),
            Action::DOWN if at >= last => self.cursor.go(0, rows),
            Action::UP | Action::DOWN | Action::PAGE_UP | Action::PAGE_DOWN => {
                self.cursor.step(action, self.hits.len(), rows);
            }
            _ => return false,
        }
        true
    }

    /// The entry `enter` takes.
    pub fn chosen(&self) -> Option<&PaletteEntry> {
        self.entries.get(self.hits.get(self.cursor.at())?.entry)
    }

    /// Returns the text typed so far.
    pub fn typed(&self) -> &str {
        &self.typed
    }

    fn draw_hit(&self, hit: &Hit, is_current: bool, row: Rect, (buffer, theme): (&mut Buffer, &Theme)) {
        let Some(entry) = self.entries.get(hit.entry) else { return };
        let inner = Rect { x: row.x + 1, width: row.width.saturating_sub(2), ..row };
        let ground = theme.style(Role::Overlay);
        let starts: Vec<usize> = entry.name.char_indices().map(|(byte, _)| byte).collect();
        let is_hit = |byte: usize| {
            let nth = starts.binary_search(&byte).ok().and_then(|n| u32::try_from(n).ok());
            nth.is_some_and(|n| hit.letters.binary_search(&n).is_ok())
        };
        let style = |byte| if is_hit(byte) { ground.patch(theme.style(Role::Match)) } else { ground };
        let end = put(&entry.name, 0..entry.name.len(), inner, buffer, style);
        let word = entry.what.word();
        let dim = ground.patch(theme.style(Role::Dim));
        let tag = right(inner, word);
        if tag.x > end + 1 {
            write(buffer, tag, word, dim);
        }
        let room = usize::from(tag.x.saturating_sub(end + 4));
        if room > 3 {
            let more = Rect { x: end + 2, width: u16::try_from(room).unwrap_or(0), ..row };
            write(buffer, more, &fit(&entry.more, room), dim);
        }
        if is_current {
            buffer.set_style(row.intersection(buffer.area), theme.style(Role::Cursor));
        }
    }
}

/// The view's line in the registry.
pub static SPEC: ViewSpec = ViewSpec { name: "palette", context: &CONTEXT, ..ViewSpec::PANEL };

/// Typing to find an entry.
pub static CONTEXT: ContextSpec = ContextSpec {
    context: Context::new("palette"),
    title: "Palette",
    is_typing: true,
    actions: &[],
    keys: &[ESCAPE, TYPED_MOVES, PAGES, ACCEPT, QUIT],
    hints: &[Action::ACCEPT, Action::BACK],
};

impl View for Palette {
    fn spec(&self) -> &'static ViewSpec {
        &SPEC
    }

    fn update(&mut self, input: Input, cx: &ViewContext<'_>) -> Reply {
        if self.key(input.key) {
            return Reply::stay();
        }
        let Some(action) = input.action else { return Reply::stay() };
        match (action, self.chosen()) {
            (Action::BACK, _) => Reply::close(),
            (Action::ACCEPT, Some(entry)) => Reply::finish(ScreenCommand::Run(entry.command.clone())),
            (action, _) => Reply::known(self.step(action, cx.area)),
        }
    }

    fn click(&mut self, at: Position, cx: &ViewContext<'_>) -> Option<Reply> {
        let place = place(cx.area);
        if !place.contains(at) || at.y == place.y {
            return None;
        }
        match self.cursor.click(usize::from(at.y - place.y - 1), self.hits.len(), rows_of(cx.area)) {
            Clicked::Nothing => None,
            Clicked::Selected => Some(Reply::stay()),
            Clicked::Again => Some(self.update(Input::accept(), cx)),
        }
    }

    fn draw(&self, buffer: &mut Buffer, cx: &ViewContext<'_>) {
        let (area, theme) = (place(cx.area), cx.theme);
        let count = format!("{} of {}", self.hits.len(), self.entries.len());
        let room = usize::from(area.width.saturating_sub(4));
        let typed = fit(&self.typed, room.saturating_sub(width(&count) + 2)).into_owned();
        frame(buffer, area, &format!("› {typed}▏"), theme);
        let head = Rect { height: area.height.min(1), width: area.width.saturating_sub(1), ..area };
        let place = right(head, &count);
        if usize::from(place.x) > usize::from(area.x) + width(&typed) + 4 {
            write(buffer, place, &count, theme.style(Role::Dim));
        }
        let rows = usize::from(area.height.saturating_sub(1));
        if self.hits.is_empty() && rows > 0 {
            line(buffer, area, area.y + 1, "nothing matches", theme.style(Role::Dim));
        }
        let from = self.cursor.first(rows);
        let shown = self.hits.iter().enumerate().skip(from).take(rows);
        for ((at, hit), y) in shown.zip(area.y + 1..area.bottom()) {
            self.draw_hit(hit, at == self.cursor.at(), Rect { y, height: 1, ..area }, (buffer, theme));
        }
    }
}

/// Entries the palette shows at once.
fn rows_of(area: Rect) -> usize {
    usize::from(place(area).height.saturating_sub(1))
}

fn place(area: Rect) -> Rect {
    centred(area, 76, usize::from(area.height * 2 / 3).max(8))
}

#[cfg(test)]
mod tests;
