//! The help: the keys of a view as the keymap has them, the commands, the filter, the signs. Searchable.

use super::keymap::common::{MOVES, QUIT, SCREEN, SIDEWAYS};
use super::keymap::{Action, Binding, Context, ContextSpec, Keymap, bind};
use super::panel::{centred, frame};
use super::reader::keys::{NEXT_MATCH, SEARCH, SEARCHING};
use super::reader::{Lines, Reader, Room, Syntax};
use super::theme::Role;
use super::view::{Input, Reply, View, ViewContext, ViewSpec};
use crate::model::text::{Text, width};
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

/// The key that opens the help closes it, too.
const KEYS: &[Binding] = &[bind(Action::BACK, &["esc", "q", "?"])];

/// The help.
pub static CONTEXT: ContextSpec = ContextSpec {
    context: Context::new("help"),
    title: "Help",
    is_typing: false,
    actions: &[],
    keys: &[KEYS, SEARCHING, SCREEN, MOVES, SIDEWAYS, QUIT],
    hints: &[Action::BACK, SEARCH, NEXT_MATCH],
};

/// Filter grammar, as the help tells it.
const FILTERS: &[(&str, &str)] = &[
    ("text", "rows that contain it, in any column; capitals count only when typed"),
    ("/a.*b/", "a regular expression"),
    ("!text", "rows that do not"),
    ("-l app=web,tier!=db", "a label selector, sent to the servers"),
    ("-f txt", "letters in this order, fuzzy"),
    ("cluster:eu-*  ns:payments", "one column only"),
    ("restarts>5  age<10m", "comparisons"),
];

/// The signs and their meanings.
const SIGNS: &[(&str, &str)] = &[
    ("●", "healthy; of a cluster: live"),
    ("◌", "on its way: starting, rolling out, connecting"),
    ("▲", "degraded: works, but not as asked"),
    ("✗", "failed; of a cluster: unreachable"),
    ("◐", "stale: shown as it last was, with its age"),
    ("⚿  ⊘", "log-in needed; not allowed"),
    ("·  ‖", "listed but not connected; disconnected"),
];

/// The help of one view.
#[derive(Debug, Clone)]
pub struct Help {
    title: &'static str,
    reader: Reader,
}

impl Help {
    /// `commands` are usage and what it does, as the command table has them.
    pub fn new(keymap: &Keymap, context: Context, commands: &[(&str, &str)]) -> Self {
        let lines: Vec<Text> = lines(keymap, context, commands).into_iter().map(Text::from).collect();
        let reader = Reader::text(Lines::Texts(lines.into()), Syntax::Help);
        Self { title: keymap.title(context), reader }
    }
}

/// The view's line in the registry.
pub static SPEC: ViewSpec = ViewSpec { name: "help", context: &CONTEXT, ..ViewSpec::PANEL };

impl View for Help {
    fn spec(&self) -> &'static ViewSpec {
        &SPEC
    }

    fn update(&mut self, input: Input, cx: &ViewContext<'_>) -> Reply {
        match input.action {
            Some(Action::BACK) if self.reader.is_searching() => {
                self.reader.end_search();
                Reply::stay()
            }
            Some(Action::BACK) => Reply::close(),
            Some(action) => Reply::known(self.reader.on(action, room(cx.area))),
            None => Reply::stay(),
        }
    }

    fn search(&mut self, text: &str, cx: &ViewContext<'_>) {
        self.reader.search(text, room(cx.area));
    }

    fn draw(&self, buffer: &mut Buffer, cx: &ViewContext<'_>) {
        let place = place(cx.area);
        let found = self.reader.found().map(|(text, _, count)| format!(" · /{text} {count} lines")).unwrap_or_default();
        let title = format!("Help · {} · {}%{found}", self.title, self.reader.percent(room(cx.area)));
        frame(buffer, place, &title, cx.theme);
        self.reader.draw(inner(place), buffer, cx.theme, Role::Overlay);
    }
}

fn place(area: Rect) -> Rect {
    centred(area, 92, usize::from(area.height))
}

fn inner(place: Rect) -> Rect {
    Rect {
        x: place.x + place.width.min(1),
        y: place.y + place.height.min(1),
        width: place.width.saturating_sub(2),
        height: place.height.saturating_sub(1),
    }
}

fn room(area: Rect) -> Room {
    let inner = inner(place(area));
    Room::new(inner.width, inner.height)
}

fn lines(keymap: &Keymap, context: Context, commands: &[(&str, &str)]) -> Vec<String> {
    let mut out = Vec::new();
    section(&mut out, &format!("Keys: {}", keymap.title(context)), &keys(keymap, context));
    let own =
        |pairs: &[(&str, &str)]| pairs.iter().map(|(a, b)| ((*a).to_owned(), (*b).to_owned())).collect::<Vec<_>>();
    section(&mut out, "Commands", &own(commands));
    section(&mut out, "Filter", &own(FILTERS));
    section(&mut out, "Signs", &own(SIGNS));
    for other in keymap.contexts().filter(|other| other.context != context) {
        section(&mut out, &format!("Keys: {}", other.title), &keys(keymap, other.context));
    }
    out.pop();
    out
}

fn keys(keymap: &Keymap, context: Context) -> Vec<(String, String)> {
    keymap.actions_in(context).map(|d| (keymap.keys_of(context, d.action).join("  "), d.help.to_owned())).collect()
}

/// How wide the left column may grow before it gets a line of its own.
const LEFT_MAX: usize = 30;

fn section(out: &mut Vec<String>, title: &str, pairs: &[(String, String)]) {
    let left = pairs.iter().map(|(a, _)| width(a)).filter(|w| *w <= LEFT_MAX).max().unwrap_or(0);
    out.push(title.to_owned());
    for (a, b) in pairs {
        let gap = " ".repeat(left.saturating_sub(width(a)));
        out.push(format!("  {a}{gap}   {b}"));
    }
    out.push(String::new());
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::protocol::Snapshot;
    use crate::views::export::{style_runs, text};
    use crate::views::theme::BUILT_IN;
    use crate::views::view::RequestIds;
    use crate::views::{fixture, snapshot, theme_named};

    const COMMANDS: &[(&str, &str)] = &[("pods -n a,b @prod-* /filter", "Show a kind"), ("q", "Leave")];

    fn drawn(help: &Help, columns: u16, rows: u16, theme: &str) -> Buffer {
        fixture::drawn(help, &Snapshot::default(), (columns, rows), theme)
    }

    #[test]
    fn it_lists_every_key_of_every_context() {
        let map = Keymap::default();
        let help = lines(&map, Context::new("table"), COMMANDS).join("\n");
        for spec in map.contexts() {
            for described in map.actions_in(spec.context) {
                assert!(help.contains(described.help), "{:?}", described.action);
            }
        }
        snapshot("help_all", &help);
    }

    #[test]
    fn it_fits_every_screen() {
        let mut help = Help::new(&Keymap::default(), Context::new("table"), COMMANDS);
        for (columns, rows) in [(80, 24), (120, 40), (40, 10)] {
            snapshot(&format!("help_{columns}x{rows}"), &text(&drawn(&help, columns, rows, "mono")));
        }
        let (snapshot_, theme, ids) = (Snapshot::default(), theme_named("mono"), RequestIds::from(1));
        help.search("describe", &fixture::context(&snapshot_, &theme, (80, 24), &ids));
        for (theme, _) in BUILT_IN {
            snapshot(&format!("help_style_{theme}"), &style_runs(&drawn(&help, 60, 8, theme)));
        }
    }
}
