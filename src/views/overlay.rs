//! What lies over the table: a stack, the top one has the keys.

use super::containers::Containers;
use super::cursor::{Clicked, ListCursor};
use super::detail::Detail;
use super::dialog::{Chooser, Pick};
use super::doctor::Doctor;
use super::help::Help;
use super::keymap::{Action, Context, Key};
use super::listing::ColumnChoice;
use super::logs::LogView;
use super::msg::Effect;
use super::page::{self, Scene};
use super::palette::Palette;
use super::panel;
use super::routes::{Confirm, RoutesView, Tester};
use super::sort::SortKey;
use super::theme::{Role, Theme};
use crate::model::text::width;
use crate::model::time::UnixSeconds;
use crate::protocol::{Request, Snapshot};
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

mod click;
mod columns;
mod missing;

pub use columns::ColumnList;
pub use missing::MissingList;

/// One overlay.
#[derive(Debug)]
pub enum Overlay {
    /// Which clusters are missing from the view, and why.
    Missing(MissingList),
    /// Which columns are shown, in what order; and what to sort by.
    Columns(ColumnList),
    /// YAML or description of an object; covers the table.
    Detail(Box<Detail>),
    /// A log; covers the table.
    Logs(Box<LogView>),
    /// A pod's containers, to choose one.
    Containers(Box<Containers>),
    Palette(Box<Palette>),
    Help(Box<Help>),
    /// What each cluster costs; covers the table.
    Doctor(Doctor),
    /// A few things to choose from.
    Chooser(Chooser),
    /// The routing proxy; covers the table.
    Routes(Box<RoutesView>),
    /// Which way a request would go.
    Tester(Box<Tester>),
    /// A question before something is done.
    Confirm(Box<Confirm>),
}

/// What an overlay may look at.
#[derive(Debug, Clone, Copy)]
pub struct ViewContext<'a> {
    pub snapshot: &'a Snapshot,
    pub theme: &'a Theme,
    pub now: UnixSeconds,
    /// The area it is drawn in.
    pub area: Rect,
}

/// What pressing a key in an overlay came to.
#[derive(Debug, Default)]
pub struct Reply {
    /// Close it.
    pub close: bool,
    /// What the screen should do, once it is closed if it closes.
    pub outcome: Option<Outcome>,
    pub effects: Vec<Effect>,
    /// What lies over it from now on.
    pub over: Option<Box<Overlay>>,
    /// The key means something to the screen around it, not to the overlay.
    pub passed: bool,
}

/// What an overlay asks of the screen.
#[derive(Debug, Clone, PartialEq)]
pub enum Outcome {
    /// Run a command line.
    Run(String),
    /// Show these columns.
    Columns(ColumnChoice),
    /// Sort by this; again turns it round.
    Sort(SortKey),
    /// Do what was chosen.
    Pick(Pick),
}

impl Reply {
    pub fn stay() -> Self {
        Self::default()
    }

    pub fn close() -> Self {
        Self { close: true, ..Self::default() }
    }

    /// Not mine.
    pub fn pass() -> Self {
        Self { passed: true, ..Self::default() }
    }

    fn of_leaf(outcome: page::Outcome) -> Self {
        let page::Outcome { taken, close, requests } = outcome;
        let effects = requests.into_iter().map(Effect::Send).collect();
        Self { close, effects, passed: !taken, ..Self::default() }
    }

    /// Closes and asks for something.
    pub fn finish(outcome: Outcome) -> Self {
        Self { close: true, outcome: Some(outcome), ..Self::default() }
    }

    /// Stays, and something comes over it.
    pub fn over(overlay: Overlay) -> Self {
        Self { over: Some(Box::new(overlay)), ..Self::default() }
    }

    /// Stays and asks for something.
    pub fn tell(outcome: Outcome) -> Self {
        Self { outcome: Some(outcome), ..Self::default() }
    }
}

impl Overlay {
    /// Where its keys are looked up.
    pub fn context(&self) -> Context {
        match self {
            Self::Missing(_) | Self::Columns(_) | Self::Containers(_) | Self::Chooser(_) => Context::List,
            Self::Detail(_) => Context::Detail,
            Self::Logs(_) => Context::Logs,
            Self::Palette(_) => Context::Palette,
            Self::Help(_) => Context::Help,
            Self::Doctor(_) => Context::Doctor,
            Self::Routes(_) => Context::Routes,
            Self::Tester(_) | Self::Confirm(_) => Context::Ask,
        }
    }

    /// Does what the key is bound to; `action` is `None` when it is bound to nothing there. `next` numbers requests.
    pub fn update(&mut self, (action, key): (Option<Action>, Key), around: &ViewContext<'_>, next: &mut u64) -> Reply {
        let typed = match self {
            Self::Palette(palette) => palette.key(key),
            Self::Tester(tester) => tester.key(key),
            Self::Confirm(confirm) => confirm.key(key),
            Self::Missing(_)
            | Self::Columns(_)
            | Self::Detail(_)
            | Self::Logs(_)
            | Self::Containers(_)
            | Self::Help(_)
            | Self::Doctor(_)
            | Self::Chooser(_)
            | Self::Routes(_) => false,
        };
        if typed {
            return Reply::stay();
        }
        let Some(action) = action else { return Reply::stay() };
        let known = |known| if known { Reply::stay() } else { Reply::pass() };
        match self {
            Self::Detail(detail) => Reply::of_leaf(detail.on(action, around.area, around.snapshot, next)),
            Self::Logs(logs) => Reply::of_leaf(logs.on(action, around.area, next)),
            Self::Help(help) if action == Action::Back && help.is_searching() => {
                help.end_search();
                Reply::stay()
            }
            Self::Routes(routes) => routes.on(action, around, next),
            _ if action == Action::Back => Reply::close(),
            Self::Tester(tester) => tester.on(action),
            Self::Confirm(confirm) => confirm.on(action),
            Self::Missing(list) => list.act(action, around),
            Self::Columns(list) => list.act(action, around),
            Self::Containers(list) => match list.chosen(around.snapshot).filter(|_| action == Action::Accept) {
                Some(name) => Reply::finish(Outcome::Pick(Pick::Container(name))),
                None => known(list.on(action, around.area, around.snapshot)),
            },
            Self::Palette(palette) => match palette.chosen().filter(|_| action == Action::Accept) {
                Some(entry) => Reply::finish(Outcome::Run(entry.command.clone())),
                None => known(palette.on(action, around.area)),
            },
            Self::Help(help) => known(help.on(action, around.area)),
            Self::Doctor(doctor) => known(doctor.on(action, around.area, (around.snapshot, around.now))),
            Self::Chooser(chooser) => match chooser.chosen().filter(|_| action == Action::Accept) {
                Some(pick) => Reply::finish(Outcome::Pick(pick.clone())),
                None => known(chooser.on(action, around.area)),
            },
        }
    }

    /// Takes what a new snapshot has for it.
    pub fn feed(&mut self, snapshot: &Snapshot) {
        match self {
            Self::Detail(detail) => detail.feed(snapshot),
            Self::Logs(logs) => logs.feed(snapshot),
            Self::Tester(tester) => tester.feed(snapshot),
            Self::Routes(_)
            | Self::Confirm(_)
            | Self::Missing(_)
            | Self::Columns(_)
            | Self::Containers(_)
            | Self::Palette(_)
            | Self::Help(_)
            | Self::Doctor(_)
            | Self::Chooser(_) => {}
        }
    }

    /// Takes back what was asked in vain; says whether nothing is left to show, so that it must go.
    pub fn miss(&mut self, request: &Request) -> bool {
        match self {
            Self::Detail(detail) => return detail.miss(request),
            Self::Logs(logs) => return logs.misses(request),
            Self::Containers(list) => return list.misses(request),
            Self::Routes(routes) => return routes.misses(request),
            Self::Tester(tester) => tester.miss(request),
            Self::Confirm(_)
            | Self::Missing(_)
            | Self::Columns(_)
            | Self::Palette(_)
            | Self::Help(_)
            | Self::Doctor(_)
            | Self::Chooser(_) => {}
        }
        false
    }

    /// What the engine must be told when it is gone.
    pub fn farewell(&self) -> Vec<Effect> {
        let requests = match self {
            Self::Detail(detail) => detail.close(),
            Self::Logs(logs) => logs.close(),
            Self::Containers(list) => list.close(),
            Self::Routes(routes) => routes.close(),
            Self::Tester(tester) => tester.close(),
            Self::Confirm(_)
            | Self::Missing(_)
            | Self::Columns(_)
            | Self::Palette(_)
            | Self::Help(_)
            | Self::Doctor(_)
            | Self::Chooser(_) => Vec::new(),
        };
        requests.into_iter().map(Effect::Send).collect()
    }

    /// Takes pasted text; says whether it is typed into.
    pub fn paste(&mut self, text: &str) -> bool {
        match self {
            Self::Tester(tester) => tester.paste(text),
            Self::Confirm(confirm) => confirm.paste(text),
            Self::Missing(_)
            | Self::Columns(_)
            | Self::Detail(_)
            | Self::Logs(_)
            | Self::Containers(_)
            | Self::Palette(_)
            | Self::Help(_)
            | Self::Doctor(_)
            | Self::Chooser(_)
            | Self::Routes(_) => return false,
        }
        true
    }

    /// Searches its text; says whether it has one.
    pub fn search(&mut self, text: &str, area: Rect) -> bool {
        match self {
            Self::Detail(detail) => detail.search(text, area),
            Self::Logs(logs) => logs.search(text, area),
            Self::Help(help) => help.search(text, area),
            Self::Routes(_)
            | Self::Tester(_)
            | Self::Confirm(_)
            | Self::Missing(_)
            | Self::Columns(_)
            | Self::Containers(_)
            | Self::Palette(_)
            | Self::Doctor(_)
            | Self::Chooser(_) => return false,
        }
        true
    }

    /// Says whether it lies over the whole table, so that nothing of the table is to be seen.
    pub fn covers(&self) -> bool {
        matches!(self, Self::Detail(_) | Self::Logs(_) | Self::Doctor(_) | Self::Routes(_))
    }

    pub fn draw(&self, buffer: &mut Buffer, around: &ViewContext<'_>) {
        let (area, theme) = (around.area, around.theme);
        let scene = Scene { snapshot: around.snapshot, theme, now: around.now };
        match self {
            Self::Missing(list) => list.draw(buffer, around),
            Self::Columns(list) => list.draw(buffer, around),
            Self::Detail(detail) => detail.draw(area, buffer, &scene),
            Self::Logs(logs) => logs.draw(area, buffer, &scene),
            Self::Containers(list) => list.draw(area, buffer, &scene),
            Self::Palette(palette) => palette.draw(area, buffer, theme),
            Self::Help(help) => help.draw(area, buffer, theme),
            Self::Doctor(doctor) => doctor.draw(area, buffer, &scene),
            Self::Chooser(chooser) => chooser.draw(area, buffer, theme),
            Self::Routes(routes) => routes.draw(area, buffer, &scene),
            Self::Tester(tester) => tester.draw(area, buffer, theme),
            Self::Confirm(confirm) => confirm.draw(area, buffer, theme),
        }
    }
}

/// A list of lines over the table: how it looks, and where its entries are.
#[derive(Debug, Clone)]
pub struct LineList {
    pub title: &'static str,
    pub lines: Vec<String>,
}

impl LineList {
    fn place(&self, area: Rect) -> Rect {
        let widest = self.lines.iter().map(|line| width(line)).max().unwrap_or_default().max(width(self.title));
        panel::centred(area, widest + 2, self.lines.len() + 2)
    }

    /// Entries shown at once.
    pub fn rows(&self, area: Rect) -> usize {
        usize::from(self.place(area).height.saturating_sub(1))
    }

    /// Takes a click at a column and row of the screen; gives the column within the line, too.
    pub fn click(&self, cursor: &mut ListCursor, (x, y): (u16, u16), area: Rect) -> (Clicked, usize) {
        let place = self.place(area);
        if !place.contains((x, y).into()) || y == place.y {
            return (Clicked::Nothing, 0);
        }
        let clicked = cursor.click(usize::from(y - place.y - 1), self.lines.len(), self.rows(area));
        (clicked, usize::from((x - place.x).saturating_sub(1)))
    }

    /// Draws it, scrolled so that the cursor is seen.
    pub fn draw(&self, buffer: &mut Buffer, around: &ViewContext<'_>, cursor: ListCursor) {
        let area = self.place(around.area);
        panel::frame(buffer, area, self.title, around.theme);
        let rows = self.rows(around.area);
        let from = cursor.first(rows);
        for ((nth, line), y) in self.lines.iter().enumerate().skip(from).take(rows).zip(area.y + 1..) {
            let role = if nth == cursor.at() { Role::Cursor } else { Role::Overlay };
            panel::line(buffer, area, y, line, around.theme.style(role));
        }
    }
}
