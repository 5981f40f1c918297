//! A view: what takes the table's place or lies over it. `registry` lists them all.

use super::dialog::Pick;
use super::keymap::{Action, Code, ContextSpec, Key, common};
use super::listing::ColumnChoice;
use super::msg::Effect;
use super::session::SavedState;
use super::sort::SortKey;
use super::theme::Theme;
use crate::model::object::ObjectKey;
use crate::model::time::UnixSeconds;
use crate::protocol::{Request, RequestId, Snapshot};
use ratatui::buffer::Buffer;
use ratatui::layout::{Position, Rect};
use std::cell::Cell;
use std::fmt::Debug;

/// A full-screen view, or a panel over one. The screen knows views by this trait alone.
pub trait View: Debug + Send {
    /// Returns the view's line in the registry.
    fn spec(&self) -> &'static ViewSpec;

    /// Draws the view into `cx.area`.
    fn draw(&self, buffer: &mut Buffer, cx: &ViewContext<'_>);

    /// Does what a key means here. Closes at [`Action::BACK`] and leaves all else to the screen, unless the view says otherwise.
    fn update(&mut self, input: Input, _cx: &ViewContext<'_>) -> Reply {
        match input.action {
            Some(Action::BACK) => Reply::close(),
            Some(_) => Reply::pass(),
            None => Reply::stay(),
        }
    }

    /// Takes a click at a cell of the screen; `None` where there is nothing to click. In a list one click selects, and a
    /// second on the same line does what `enter` does; no click answers a question.
    fn click(&mut self, _at: Position, _cx: &ViewContext<'_>) -> Option<Reply> {
        None
    }

    /// Takes pasted text; returns true if the view is typed into.
    fn paste(&mut self, _text: &str) -> bool {
        false
    }

    /// Searches the view's text, where it has one; an empty text ends the search.
    fn search(&mut self, _text: &str, _cx: &ViewContext<'_>) {}

    /// Returns the filter of the view's list, where it has one: `/` then filters it.
    fn filter(&self) -> Option<FilterLine<'_>> {
        None
    }

    /// Filters the view's list.
    fn set_filter(&mut self, _text: &str) {}

    /// Takes what a new snapshot has for the view.
    fn feed(&mut self, _snapshot: &Snapshot) {}

    /// Returns the actions that would do nothing now: the hint line leaves them out. Asked once a frame.
    fn unavailable(&self, _cx: &ViewContext<'_>) -> Vec<Action> {
        Vec::new()
    }

    /// Takes a choice from a panel over the view; `None` if the choice is the screen's to act on.
    fn on_pick(&mut self, _pick: &Pick, _cx: &ViewContext<'_>) -> Option<Reply> {
        None
    }

    /// Takes back a request that the engine had no room for; says whether anything is left to show.
    fn on_rejected(&mut self, _request: &Request) -> Keep {
        Keep::Open
    }

    /// Returns what the engine must be told when the view closes, however that comes about.
    fn on_close(&self) -> Vec<Request> {
        Vec::new()
    }

    /// Returns the state the view is opened with again, from the history or in the next session: [`Opening::saved`].
    fn saved(&self) -> SavedState {
        SavedState::new()
    }

    /// Returns the object the view shows, for keys that open another view of the same object.
    fn object(&self) -> Option<&ObjectKey> {
        None
    }
}

/// The facts about a kind of view that do not depend on its state; `registry` has one of each.
#[derive(Debug)]
pub struct ViewSpec {
    /// A word, unique among views.
    pub name: &'static str,
    /// The keys that work in it, and their actions.
    pub context: &'static ContextSpec,
    /// How much of the screen it takes.
    pub layer: Layer,
    /// The command that opens it.
    pub command: Option<CommandSpec>,
    /// Opens it by its command, or again from the history or the last session.
    pub open: Option<OpenView>,
}

/// Opens a view. Fails when the words after the command do not fit: the error says what to type.
pub type OpenView = fn(&mut Opening<'_>) -> Result<Box<dyn View>, String>;

impl ViewSpec {
    /// A panel, opened by keys.
    pub const PANEL: Self = Self { name: "", context: &common::LIST, layer: Layer::Panel, command: None, open: None };

    /// A full-screen view without keys of its own.
    pub const PAGE: Self = Self { context: &common::PAGE, layer: Layer::Page, ..Self::PANEL };
}

/// A command as completion, palette and help list it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CommandSpec {
    /// The first is the one completion offers.
    pub names: &'static [&'static str],
    /// The command with its arguments.
    pub usage: &'static str,
    /// A sentence.
    pub help: &'static str,
}

/// The surroundings and arguments a view is opened with.
#[derive(Debug)]
pub struct Opening<'a> {
    /// The words after the command.
    pub words: &'a [&'a str],
    /// The state in which the view was left; empty the first time.
    pub saved: &'a SavedState,
    /// Seconds east of Greenwich.
    pub utc_offset_s: i64,
    /// Numbers for requests.
    pub ids: &'a RequestIds,
    /// Work that opening needs done: requests, a measurement.
    pub effects: Vec<Effect>,
}

/// How much of the screen a view takes, and for how long.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Layer {
    /// A view of its own in the table's place: it lives in a tab.
    Page,
    /// An object in full, over the table it was opened from.
    Cover,
    /// A panel: what is below stays in sight.
    Panel,
}

/// The surroundings a view reads.
#[derive(Debug, Clone, Copy)]
pub struct ViewContext<'a> {
    /// The newest picture of the engine.
    pub snapshot: &'a Snapshot,
    /// The styles in force.
    pub theme: &'a Theme,
    /// The time now.
    pub now: UnixSeconds,
    /// The area the view is drawn in.
    pub area: Rect,
    /// Numbers for requests the view sends.
    pub ids: &'a RequestIds,
    /// Bytes of memory this process takes, once measured: [`Effect::MeasureMemory`].
    pub process_bytes: Option<u64>,
}

/// Numbers for the requests of one screen; each is given once.
#[derive(Debug)]
pub struct RequestIds(Cell<u64>);

impl RequestIds {
    /// Starts at a number.
    pub fn from(first: u64) -> Self {
        Self(Cell::new(first))
    }

    /// Returns the next number.
    pub fn fresh(&self) -> RequestId {
        let id = self.0.get();
        self.0.set(id + 1);
        RequestId(id)
    }
}

/// A key and its meaning in the view's context.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Input {
    /// `None` when the key is bound to nothing there.
    pub action: Option<Action>,
    /// The key itself, for views that are typed into.
    pub key: Key,
}

impl Input {
    /// `enter`, which takes the entry under the cursor.
    pub fn accept() -> Self {
        Self { action: Some(Action::ACCEPT), key: Key::plain(Code::Enter) }
    }
}

/// The filter of a view's list as typed, and the mistake in it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FilterLine<'a> {
    /// The last filter without a mistake.
    pub text: &'a str,
    /// Why the filter as typed now cannot be used.
    pub mistake: Option<&'a str>,
}

/// A view's answer to a rejected request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Keep {
    /// The view still has something to show.
    Open,
    /// Nothing is left to show: the screen closes the view.
    Closed,
}

impl Keep {
    /// Closed if nothing is left to show.
    pub fn unless(is_lost: bool) -> Self {
        if is_lost { Self::Closed } else { Self::Open }
    }
}

/// A view's answer to a key or a click.
#[derive(Debug, Default)]
pub struct Reply {
    /// Close the view.
    pub close: bool,
    /// A command to the screen, run once the view is closed if it closes.
    pub command: Option<ScreenCommand>,
    /// Requests and other work.
    pub effects: Vec<Effect>,
    /// A view to open over this one.
    pub over: Option<Box<dyn View>>,
    /// The action is the screen's to act on.
    pub passed: bool,
}

/// A command of a view to the screen.
#[derive(Debug, Clone, PartialEq)]
pub enum ScreenCommand {
    /// Run a command line.
    Run(String),
    /// Show these columns.
    Columns(ColumnChoice),
    /// Sort by this; again turns it round.
    Sort(SortKey),
    /// Act on a choice: the view below is asked first.
    Pick(Pick),
}

impl Reply {
    /// Stays open.
    pub fn stay() -> Self {
        Self::default()
    }

    /// Closes.
    pub fn close() -> Self {
        Self { close: true, ..Self::default() }
    }

    /// Leaves the action to the screen.
    pub fn pass() -> Self {
        Self { passed: true, ..Self::default() }
    }

    /// Stays open if the view knew the action, else leaves it to the screen.
    pub fn known(known: bool) -> Self {
        if known { Self::stay() } else { Self::pass() }
    }

    /// Stays open and sends requests.
    pub fn send(requests: impl IntoIterator<Item = Request>) -> Self {
        Self { effects: requests.into_iter().map(Effect::Send).collect(), ..Self::default() }
    }

    /// Closes and gives the screen a command.
    pub fn finish(command: ScreenCommand) -> Self {
        Self { close: true, command: Some(command), ..Self::default() }
    }

    /// Stays open, with another view over it.
    pub fn over(view: impl View + 'static) -> Self {
        Self { over: Some(Box::new(view)), ..Self::default() }
    }

    /// Stays open and gives the screen a command.
    pub fn tell(command: ScreenCommand) -> Self {
        Self { command: Some(command), ..Self::default() }
    }
}
