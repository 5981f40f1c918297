//! The screen as a value: `update` changes it and says what to do, `view` draws it. No IO, no clock.

use super::appearance::Appearance;
use super::keymap::{Context, Key, Keymap};
use super::listing::{Listing, Look, keys};
use super::msg::{Effect, Flow, Msg};
use super::place::{Place, Source};
use super::prompt::{self, Prompt, PromptKind};
use super::scope::Scope;
use super::session::{SavedTab, SessionState};
use super::status::StatusLine;
use super::tabs::Tab;
use super::theme::Depth;
use super::theme::file::Themes;
use super::view::{RequestIds, View, ViewContext};
use crate::model::time::UnixSeconds;
use crate::protocol::{Request, Severity, Snapshot, ViewId};
use ratatui::layout::Rect;
use std::sync::Arc;

mod actions;
mod changes;
mod draw;
mod input;
mod navigate;
mod overlays;
mod refused;
#[cfg(test)]
mod tests;

/// The settings and the state the screen starts with.
#[derive(Debug)]
pub struct Setup {
    /// All themes to choose from.
    pub themes: Themes,
    /// The theme asked for by name.
    pub theme: Option<String>,
    /// The colours the terminal has.
    pub depth: Depth,
    /// The keys.
    pub keymap: Keymap,
    /// The last session; the default starts anew.
    pub session: SessionState,
    /// The command line of `-c`.
    pub command: Option<String>,
    /// Seconds east of Greenwich, for the clock in the header.
    pub utc_offset_s: i64,
    /// The time.
    pub now: UnixSeconds,
    /// Columns and rows of the terminal.
    pub size: (u16, u16),
}

/// The screen.
#[derive(Debug)]
pub struct App {
    appearance: Appearance,
    keymap: Keymap,
    session: SessionState,
    snapshot: Arc<Snapshot>,
    /// The newest snapshot while the screen is frozen.
    held: Option<Arc<Snapshot>>,
    frozen: bool,
    now: UnixSeconds,
    utc_offset_s: i64,
    size: (u16, u16),
    tabs: Vec<Tab>,
    active: usize,
    next_view: u32,
    overlays: Vec<Box<dyn View>>,
    prompt: Option<Prompt>,
    /// Keys of a sequence that is not complete.
    pending: Vec<Key>,
    status: StatusLine,
    effects: Vec<Effect>,
    /// Numbers for requests.
    ids: RequestIds,
    /// Bytes of memory this process takes, once measured.
    process_bytes: Option<u64>,
}

impl App {
    /// Opens the first screen: the command, else the last session, else the fleet.
    pub fn new(setup: Setup) -> Self {
        let mut session = setup.session;
        let (appearance, lost) = Appearance::new(setup.themes, setup.theme, setup.depth, &mut session.theme);
        let mut app = Self {
            appearance,
            keymap: setup.keymap,
            session,
            snapshot: Arc::default(),
            held: None,
            frozen: false,
            now: setup.now,
            utc_offset_s: setup.utc_offset_s,
            size: setup.size,
            tabs: Vec::new(),
            active: 0,
            next_view: 1,
            overlays: Vec::new(),
            prompt: None,
            pending: Vec::new(),
            status: StatusLine::default(),
            effects: Vec::new(),
            ids: RequestIds::from(1),
            process_bytes: None,
        };
        if let Some(why) = lost {
            app.say(Severity::Warning, &why);
        }
        app.restore(setup.command.as_deref());
        app
    }

    fn restore(&mut self, command: Option<&str>) {
        let saved: Vec<SavedTab> = if command.is_none() { std::mem::take(&mut self.session.tabs) } else { Vec::new() };
        for (nth, tab) in saved.into_iter().take(super::tabs::TABS_MAX).enumerate() {
            self.add_tab(tab.place());
            self.active = nth;
            if let Some(view) = tab.view {
                self.open_saved(&view);
            }
        }
        if self.tabs.is_empty() {
            self.add_tab(Place::of(Source::Fleet, Scope::default()));
        }
        self.active = self.session.active.min(self.tabs.len() - 1);
        if let Some(line) = command {
            self.run_line(line);
        }
    }

    fn add_tab(&mut self, place: Place) {
        let place = Place { sort: self.session.sort_of(&place.source), ..place };
        let listing = self.listing_of(place);
        self.tabs.push(Tab::new(ViewId(self.next_view), listing));
        self.next_view += 1;
    }

    /// A listing of the place as it was chosen for its kind. A filter that is not understood, from a session of another
    /// version, is left out, and said.
    fn listing_of(&mut self, place: Place) -> Listing {
        let filter = place.filter.clone();
        let choice = self.session.columns_of(&place.source);
        let mut listing = Listing::new(place, choice);
        if let Some(why) = listing.filter_error.take() {
            self.say(Severity::Warning, &format!("the filter `{filter}` is left out: {why}"));
        }
        listing
    }

    /// Takes one message in.
    pub fn update(&mut self, msg: Msg) -> Flow {
        let draw = match msg {
            Msg::Tick(now) => self.tick(now),
            Msg::Snapshot(snapshot) => self.take_snapshot(snapshot),
            Msg::Key(key) => {
                self.status.clear();
                self.key(key);
                true
            }
            Msg::Mouse(mouse) => self.mouse(mouse),
            Msg::Resize(columns, rows) => {
                self.size = (columns, rows);
                true
            }
            Msg::Paste(text) => self.paste(&text),
            Msg::Background { light } => {
                self.appearance.set_background(light, self.session.theme.as_deref());
                true
            }
            Msg::Refused(request) => self.refused(&request),
            Msg::Memory(bytes) => self.note_memory(bytes),
            Msg::Saved(Ok(path)) => self.say(Severity::Note, &format!("saved {path}")),
            Msg::Saved(Err(why)) => self.say(Severity::Error, &format!("not saved: {why}")),
        };
        if draw {
            self.settle();
        }
        Flow { draw, effects: std::mem::take(&mut self.effects) }
    }

    fn tick(&mut self, now: UnixSeconds) -> bool {
        if now == self.now {
            return false;
        }
        self.now = now;
        self.status.expire(now);
        for tab in &mut self.tabs {
            if tab.listing.filter().depends_on_time() {
                tab.listing.judge_by_time(now);
            }
            if tab.listing.is_settling() || tab.listing.coverage.missing.iter().any(|m| m.since.is_some()) {
                tab.listing.feed(&self.snapshot, tab.view, now);
            }
        }
        self.tell_moved();
        true
    }

    /// Says that the cursor had to leave its object, where nothing more important is said.
    fn tell_moved(&mut self) {
        let mut told = None;
        for (at, tab) in self.tabs.iter_mut().enumerate() {
            let moved = tab.listing.take_moved();
            told = told.or(moved.filter(|_| at == self.active));
        }
        if let Some(moved) = told.filter(|_| self.status.is_free() && self.top().is_none()) {
            self.say(Severity::Note, &moved.sentence());
        }
    }

    fn take_snapshot(&mut self, snapshot: Arc<Snapshot>) -> bool {
        let pages = self.tabs.iter_mut().filter_map(|tab| tab.page.as_mut());
        for view in self.overlays.iter_mut().chain(pages) {
            view.feed(&snapshot);
        }
        if self.frozen {
            // A view over the frozen table is live: it was opened to be read.
            self.held = Some(snapshot);
            return self.top().is_some();
        }
        self.snapshot = snapshot;
        self.feed();
        self.status.take_notices(&self.snapshot, self.now);
        true
    }

    /// Gives the snapshot to all tabs and asks the engine for what they look at now.
    fn feed(&mut self) {
        for tab in &mut self.tabs {
            tab.listing.feed(&self.snapshot, tab.view, self.now);
        }
        self.tell_moved();
        self.subscribe();
    }

    /// Says what was wrong with a file of the user's.
    pub fn warn(&mut self, problem: &str) {
        self.say(Severity::Warning, problem);
    }

    /// Puts a line where it is read; says that there is something to draw.
    fn say(&mut self, severity: Severity, text: &str) -> bool {
        self.status.say(self.now, severity, text);
        true
    }

    fn send(&mut self, request: Request) {
        self.effects.push(Effect::Send(request));
    }

    /// Brings the window to the cursor and measures it.
    fn settle(&mut self) {
        let height = self.page();
        let now = self.now;
        if let Some(tab) = self.tabs.get_mut(self.active) {
            tab.listing.settle(height, now);
        }
    }

    fn tab(&self) -> Option<&Tab> {
        self.tabs.get(self.active)
    }

    fn tab_mut(&mut self) -> Option<&mut Tab> {
        self.tabs.get_mut(self.active)
    }

    fn listing_mut(&mut self) -> Option<&mut Listing> {
        self.tab_mut().map(|tab| &mut tab.listing)
    }

    /// The view that has the keys: the topmost over the table, else the one in the table's place.
    fn top(&self) -> Option<&dyn View> {
        let page = self.tab().and_then(|tab| tab.page.as_deref());
        self.overlays.last().map(|view| &**view).or(page)
    }

    /// Lets the view that has the keys do something; it is taken out meanwhile, since it looks at the rest of the screen.
    fn with_top<T>(&mut self, work: impl FnOnce(&mut dyn View, &ViewContext<'_>) -> T) -> Option<T> {
        let area = self.areas().table;
        if let Some(mut view) = self.overlays.pop() {
            let result = work(&mut *view, &self.cx(area));
            self.overlays.push(view);
            return Some(result);
        }
        let mut page = self.tab_mut()?.page.take()?;
        let result = work(&mut *page, &self.cx(area));
        self.tab_mut()?.page = Some(page);
        Some(result)
    }

    /// Where keys are looked up now.
    pub fn context(&self) -> Context {
        if self.prompt.is_some() {
            return prompt::CONTEXT.context;
        }
        if let Some(view) = self.top() {
            return view.spec().context.context;
        }
        match self.tab().map(|tab| &tab.listing.place.source) {
            Some(Source::Resources(_) | Source::Events) => keys::TABLE.context,
            Some(Source::Fleet) | None => keys::FLEET.context,
        }
    }

    fn look(&self) -> Look<'_> {
        Look { theme: self.appearance.theme(), snapshot: &self.snapshot, now: self.now }
    }

    /// The surroundings of a view in an area: what is opened over a frozen table is live.
    fn cx(&self, area: Rect) -> ViewContext<'_> {
        ViewContext {
            snapshot: self.held.as_ref().unwrap_or(&self.snapshot),
            theme: self.appearance.theme(),
            now: self.now,
            area,
            ids: &self.ids,
            process_bytes: self.process_bytes,
        }
    }

    /// Seconds until something on the screen reads differently by the passing of time alone.
    pub fn next_change(&self) -> Option<i64> {
        let height = self.page();
        let message = self.status.message().map(|message| message.until.since(self.now).max(1));
        let rows = self.tab().and_then(|tab| tab.listing.next_change(height, self.now));
        message.into_iter().chain(rows).min()
    }

    /// Returns the session to save for the next start.
    pub fn session(&self) -> SessionState {
        let tabs = self.tabs.iter().map(Tab::saved).collect();
        SessionState { tabs, active: self.active, ..self.session.clone() }
    }

    fn open_prompt(&mut self, kind: PromptKind) {
        let text = match kind {
            PromptKind::Command | PromptKind::Search => String::new(),
            PromptKind::Filter => match self.top().and_then(View::filter) {
                Some(filter) => filter.text.to_owned(),
                None => self.tab().map_or_else(String::new, |tab| tab.listing.place.filter.clone()),
            },
        };
        self.prompt = Some(Prompt::new(kind, &text));
    }
}
