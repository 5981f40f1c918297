//! Keys, pasted text and the mouse, to what they mean.

use super::App;
use crate::protocol::Severity;
use crate::views::command;
use crate::views::complete::Candidates;
use crate::views::keymap::{Action, Code, Key, Meaning};
use crate::views::msg::{Mouse, MouseAction};
use crate::views::prompt::PromptKind;
use crate::views::sort::Sort;
use crate::views::view::{Input, Reply, ScreenCommand, View};
use ratatui::layout::Position;

/// Rows one notch of the wheel moves.
const WHEEL_ROWS: isize = 3;

impl App {
    pub(super) fn key(&mut self, key: Key) {
        let context = self.context();
        self.pending.push(key);
        let meaning = self.keymap.resolve(context, &self.pending);
        if meaning == Meaning::Prefix {
            return;
        }
        self.pending.clear();
        let action = match meaning {
            Meaning::Action(action) => Some(action),
            Meaning::Prefix | Meaning::Nothing => None,
        };
        if action == Some(Action::QUIT) {
            self.quit();
        } else if self.prompt.is_some() {
            self.prompt_key(action, key);
        } else if self.top().is_some() {
            self.view_key(Input { action, key });
        } else if let Some(action) = action {
            self.act(action);
        }
    }

    fn view_key(&mut self, input: Input) {
        if let Some(reply) = self.with_top(|view, cx| view.update(input, cx)) {
            self.answer(reply, input.action);
        }
    }

    /// Does what the topmost view's answer to a key or a click says.
    pub(super) fn answer(&mut self, reply: Reply, action: Option<Action>) {
        let Reply { close, command, effects, over, passed } = reply;
        self.effects.extend(effects);
        if close {
            self.close_top();
        }
        self.overlays.extend(over);
        if let Some(command) = command {
            self.take(command);
        }
        if let Some(action) = action.filter(|_| passed) {
            self.act_over(action);
        }
    }

    /// Does what a view asked for.
    fn take(&mut self, command: ScreenCommand) {
        match command {
            ScreenCommand::Run(line) => self.run_line(&line),
            ScreenCommand::Columns(choice) => self.choose_columns(choice),
            ScreenCommand::Sort(key) => self.choose_sort(key),
            ScreenCommand::Pick(pick) => self.pick(pick),
        }
    }

    fn prompt_key(&mut self, action: Option<Action>, key: Key) {
        let Some(kind) = self.prompt.as_ref().map(|p| p.kind) else { return };
        match action {
            Some(Action::ACCEPT) => self.accept(kind),
            Some(Action::BACK) => self.abandon(kind),
            Some(Action::UP) => self.browse(kind, 1),
            Some(Action::DOWN) => self.browse(kind, -1),
            Some(Action::COMPLETE) => self.complete(kind),
            _ => {
                let changed = self.prompt.as_mut().is_some_and(|p| p.key(key));
                if changed {
                    self.typed(kind);
                }
            }
        }
    }

    /// The line changed: a filter applies at once.
    fn typed(&mut self, kind: PromptKind) {
        let text = self.prompt.as_ref().map(|p| p.text().to_owned()).unwrap_or_default();
        match kind {
            PromptKind::Filter => self.set_filter(&text),
            PromptKind::Search => self.search(&text),
            PromptKind::Command => {
                let ghost = self.candidates().rest(&text);
                if let Some(prompt) = &mut self.prompt {
                    prompt.ghost = ghost;
                }
            }
        }
    }

    fn candidates(&self) -> Candidates<'_> {
        Candidates {
            snapshot: &self.snapshot,
            session: &self.session,
            listing: self.tab().map(|tab| &tab.listing),
            themes: self.appearance.themes().names().collect(),
        }
    }

    /// Takes what is shown dim behind the line.
    fn complete(&mut self, kind: PromptKind) {
        if let Some(prompt) = &mut self.prompt {
            let whole = format!("{}{}", prompt.text(), prompt.ghost);
            prompt.set(&whole);
        }
        self.typed(kind);
    }

    fn accept(&mut self, kind: PromptKind) {
        if self.has_mistake(kind) {
            return;
        }
        let Some(prompt) = self.prompt.take() else { return };
        match kind {
            PromptKind::Filter => {
                self.session.note_filter(prompt.text());
                self.subscribe();
            }
            PromptKind::Search => {}
            PromptKind::Command => {
                self.session.note_command(prompt.text().trim());
                let line = prompt.text().to_owned();
                self.run_line(&line);
            }
        }
    }

    /// Says whether the line has a filter that cannot be meant: it stays to be mended, with what is wrong.
    fn has_mistake(&mut self, kind: PromptKind) -> bool {
        let Some(prompt) = &self.prompt else { return false };
        match (kind, self.top().and_then(View::filter)) {
            (PromptKind::Filter, Some(filter)) => filter.mistake.is_some(),
            (PromptKind::Filter, None) => self.tab().is_some_and(|tab| tab.listing.filter_error.is_some()),
            (PromptKind::Command, _) => match command::filter_mistake(prompt.text()) {
                Some(why) => self.say(Severity::Error, &why),
                None => false,
            },
            (PromptKind::Search, _) => false,
        }
    }

    /// `esc` gives the filter back that was there before.
    fn abandon(&mut self, kind: PromptKind) {
        let Some(prompt) = self.prompt.take() else { return };
        match kind {
            PromptKind::Filter => self.set_filter(&prompt.before),
            PromptKind::Search => self.search(""),
            PromptKind::Command => {}
        }
    }

    fn browse(&mut self, kind: PromptKind, step: isize) {
        let earlier = match kind {
            PromptKind::Command => &self.session.commands,
            PromptKind::Filter => &self.session.filters,
            PromptKind::Search => return,
        };
        if let Some(prompt) = &mut self.prompt {
            prompt.browse(step, earlier);
        }
        self.typed(kind);
    }

    pub(super) fn paste(&mut self, text: &str) -> bool {
        let Some(prompt) = &mut self.prompt else {
            return self.with_top(|view, _| view.paste(text)).unwrap_or_default();
        };
        prompt.paste(text);
        let kind = prompt.kind;
        self.typed(kind);
        true
    }

    /// Click selects, a second click opens; the wheel scrolls; a click on a heading sorts.
    pub(super) fn mouse(&mut self, mouse: Mouse) -> bool {
        if self.top().is_some() {
            let (action, key) = match mouse.what {
                MouseAction::WheelUp => (Action::UP, Code::Up),
                MouseAction::WheelDown => (Action::DOWN, Code::Down),
                MouseAction::Click => return self.click_over(mouse),
            };
            for _ in 0..WHEEL_ROWS {
                self.view_key(Input { action: Some(action), key: Key::plain(key) });
            }
            return true;
        }
        let height = self.page();
        match mouse.what {
            MouseAction::WheelUp => self.scroll(-WHEEL_ROWS, height),
            MouseAction::WheelDown => self.scroll(WHEEL_ROWS, height),
            MouseAction::Click => return self.click(mouse),
        }
        true
    }

    /// A click on the view that has the keys.
    fn click_over(&mut self, mouse: Mouse) -> bool {
        let at = Position::new(mouse.column, mouse.row);
        let reply = self.with_top(|view, cx| view.click(at, cx)).flatten();
        let taken = reply.is_some();
        self.answer(reply.unwrap_or_default(), None);
        taken
    }

    fn scroll(&mut self, rows: isize, height: usize) {
        if let Some(listing) = self.listing_mut() {
            listing.scroll(rows, height);
        }
    }

    fn click(&mut self, mouse: Mouse) -> bool {
        let table = self.areas().table;
        if mouse.row < table.y || mouse.row >= table.bottom() {
            return false;
        }
        let row = usize::from(mouse.row - table.y);
        let column = usize::from(mouse.column.saturating_sub(table.x));
        if row == 0 {
            return self.sort_by_heading(column);
        }
        let Some(listing) = self.listing_mut() else { return false };
        let row = listing.place.offset + row - 1;
        if row >= listing.rows().len() {
            return false;
        }
        if Some(row) == listing.at() {
            self.act(Action::OPEN);
        } else {
            listing.go_to(row);
        }
        true
    }

    fn sort_by_heading(&mut self, column: usize) -> bool {
        let table = self.areas().table;
        let size = (usize::from(table.width), usize::from(table.height));
        let Some(listing) = self.tab().map(|tab| &tab.listing) else { return false };
        let model = listing.model(size, self.look());
        let Some(key) = model.heading_at(column).map(|h| h.id.clone()) else { return false };
        let sort: Sort = listing.place.sort.chosen(key);
        self.set_sort(sort);
        true
    }

    /// Says whether the keys of text fields are in force.
    pub fn is_typing(&self) -> bool {
        self.keymap.is_typing(self.context())
    }
}
