//! Views over the table: opening and closing them, and what their keys ask of the screen.

use super::App;
use crate::model::document::Aspect;
use crate::model::object::ObjectKey;
use crate::model::text::Text;
use crate::protocol::{Request, Severity};
use crate::views::command::commands;
use crate::views::containers::Containers;
use crate::views::detail::Detail;
use crate::views::dialog::{Chooser, Format, Pick};
use crate::views::help::Help;
use crate::views::history::History;
use crate::views::keymap::Action;
use crate::views::listing::{Listing, keys};
use crate::views::logs::LogView;
use crate::views::msg::Effect;
use crate::views::palette::{self, Palette, Sources};
use crate::views::place::Source;
use crate::views::prompt::PromptKind;
use crate::views::reader::keys::SEARCH;
use crate::views::session::{SavedState, SavedView};
use crate::views::sort::SortKey;
use crate::views::view::{Opening, View, ViewSpec};
use crate::views::{changes, export, registry, theme};
use ratatui::buffer::Buffer;

/// A view that was opened, and the work that its opening needs done.
struct Opened {
    view: Box<dyn View>,
    effects: Vec<Effect>,
}

impl App {
    /// The object that keys mean: the one that is open, else the row's.
    fn object(&self) -> Option<ObjectKey> {
        let listing = self.tab().filter(|tab| tab.page.is_none()).map(|tab| &tab.listing);
        self.top().and_then(View::object).cloned().or_else(|| listing.and_then(Listing::selected))
    }

    /// Opens a view over the table.
    pub(super) fn cover(&mut self, view: impl View + 'static, requests: Vec<Request>) {
        self.effects.extend(requests.into_iter().map(Effect::Send));
        self.overlays.push(Box::new(view));
    }

    /// Tells the engine that a view is gone.
    pub(super) fn close(&mut self, view: &dyn View) {
        self.effects.extend(view.on_close().into_iter().map(Effect::Send));
    }

    /// Closes everything that lies over the table.
    pub(super) fn uncover(&mut self) {
        for view in std::mem::take(&mut self.overlays) {
            self.close(&*view);
        }
    }

    pub(super) fn open_detail(&mut self, aspect: Aspect) {
        let Some(object) = self.object() else { return };
        let (detail, requests) = Detail::open(object, aspect, &self.ids);
        self.cover(detail, requests);
    }

    /// Opens the log of the pod; an empty container is the one the engine takes.
    pub(super) fn open_logs(&mut self, container: &str, previous: bool) {
        let Some(object) = self.object() else { return };
        if !is_pod(&object) {
            let text = format!("only pods have logs; enter shows the pods of {}", object.name);
            self.say(Severity::Note, &text);
            return;
        }
        let (logs, requests) = LogView::open(object, container, previous, &self.ids);
        self.cover(logs, requests);
    }

    pub(super) fn open_containers(&mut self) {
        let Some(object) = self.object() else { return };
        let (list, requests) = Containers::open(object, &self.ids);
        self.cover(list, requests);
    }

    pub(super) fn open_help(&mut self) {
        let context = self.context();
        let commands: Vec<(&str, &str)> = commands().map(|c| (c.usage, c.help)).collect();
        self.cover(Help::new(&self.keymap, context, &commands), Vec::new());
    }

    /// Closes the view that has the keys. One in the table's place makes room for what was there before it.
    pub(super) fn close_top(&mut self) {
        if let Some(view) = self.overlays.pop() {
            self.close(&*view);
        } else if !self.walk(History::back) {
            self.close_page();
        }
    }

    /// Closes the view in the table's place; returns false if there was none.
    pub(super) fn close_page(&mut self) -> bool {
        let page = self.tab_mut().and_then(|tab| tab.page.take());
        if let Some(page) = &page {
            self.close(&**page);
        }
        page.is_some()
    }

    /// Opens a full-screen view by its command and the words after it; a mistake in them becomes a message.
    pub(super) fn open_view(&mut self, command: &str, words: &[Text]) {
        let Some(spec) = registry::find_command(command) else { return };
        let words: Vec<&str> = words.iter().map(Text::as_str).collect();
        match self.opened(spec, &words, &SavedState::default()) {
            Ok(opened) => {
                self.uncover();
                if self.tab().and_then(|tab| tab.page.as_ref()).is_none_or(|page| page.spec().name != spec.name) {
                    self.leave();
                }
                self.show_page(opened);
            }
            Err(why) => {
                self.say(Severity::Error, &why);
            }
        }
    }

    /// Opens a full-screen view of the last session or of another tab over the tab's table.
    pub(super) fn open_saved(&mut self, saved: &SavedView) {
        self.leave();
        self.reopen(saved);
    }

    /// Opens a full-screen view as it was left; one that cannot be opened is said.
    pub(super) fn reopen(&mut self, saved: &SavedView) {
        let opened = match registry::find(&saved.name) {
            Some(spec) => self.opened(spec, &[], &saved.state),
            None => Err(format!("there is no view called {}", saved.name)),
        };
        match opened {
            Ok(opened) => self.show_page(opened),
            Err(why) => {
                self.say(Severity::Warning, &why);
            }
        }
    }

    /// Fails if the view cannot be opened: the error says what to type.
    fn opened(&self, spec: &ViewSpec, words: &[&str], saved: &SavedState) -> Result<Opened, String> {
        let open = spec.open.ok_or_else(|| format!("{} is opened by a key", spec.name))?;
        let (utc_offset_s, ids) = (self.utc_offset_s, &self.ids);
        let mut opening = Opening { words, saved, utc_offset_s, ids, effects: Vec::new() };
        let view = open(&mut opening)?;
        Ok(Opened { view, effects: opening.effects })
    }

    /// Shows a view in the table's place, instead of the one that is there.
    fn show_page(&mut self, opened: Opened) {
        self.close_page();
        let Opened { mut view, effects } = opened;
        self.effects.extend(effects);
        view.feed(self.held.as_ref().unwrap_or(&self.snapshot));
        if let Some(tab) = self.tab_mut() {
            tab.page = Some(view);
        }
    }

    pub(super) fn note_memory(&mut self, bytes: u64) -> bool {
        self.process_bytes = Some(bytes);
        self.top().is_some()
    }

    fn palette_entries(&self) -> Vec<palette::PaletteEntry> {
        let of_verbs = changes::line::COMMANDS.iter().copied();
        let commands: Vec<(&str, &str)> =
            commands().filter_map(|c| c.names.first().map(|name| (*name, c.help))).chain(of_verbs).collect();
        let auto = std::iter::once((theme::AUTO, "the one that suits the terminal"));
        let themes: Vec<(&str, &str)> =
            auto.chain(self.appearance.themes().iter().map(|t| (&*t.name, &*t.about))).collect();
        palette::entries(&Sources { snapshot: &self.snapshot, commands: &commands, themes: &themes })
    }

    pub(super) fn open_palette(&mut self) {
        let entries = self.palette_entries();
        self.cover(Palette::new(entries), Vec::new());
    }

    pub(super) fn open_save(&mut self) {
        self.cover(Chooser::save(), Vec::new());
    }

    /// Lets the user choose what to copy.
    pub(super) fn open_copy(&mut self) {
        let Some(object) = self.object() else { return };
        let cluster = self.snapshot.clusters.get(&object.cluster).filter(|_| self.context() == keys::FLEET.context);
        let chooser = match cluster {
            Some(cluster) => Chooser::copy_cluster(cluster),
            None => Chooser::copy(&object, &self.cells(), None, &self.snapshot),
        };
        self.cover(chooser, Vec::new());
    }

    /// The cells of the row under the cursor, as they are shown.
    fn cells(&self) -> Vec<(String, String)> {
        let Some(listing) = self.tab().map(|tab| &tab.listing) else { return Vec::new() };
        let Some((row, slot)) = listing.selected_row() else { return Vec::new() };
        let shown = listing.shown_columns().into_iter().filter_map(|key| match key {
            SortKey::Column(name) => {
                let text = listing.cell_text(row, slot, &name, self.now)?;
                Some((name.to_string(), text.to_string()))
            }
            SortKey::Label(key) => Some((key.to_string(), row.label(&key)?.to_owned())),
            SortKey::Name | SortKey::Namespace | SortKey::Cluster | SortKey::Kind => None,
        });
        shown.collect()
    }

    /// Does what an overlay's key means to the screen around it.
    pub(super) fn act_over(&mut self, action: Action) {
        match action {
            Action::COMMAND => self.open_prompt(PromptKind::Command),
            SEARCH => self.open_prompt(PromptKind::Search),
            Action::FILTER => self.open_prompt(PromptKind::Filter),
            Action::PALETTE => self.open_palette(),
            Action::HELP => self.open_help(),
            Action::LOGS => self.replace_by_logs(false),
            Action::PREVIOUS_LOGS => self.replace_by_logs(true),
            Action::OWNER | Action::EVENTS => self.leave_for(action),
            Action::SAVE => self.open_save(),
            action => {
                self.change_place(action);
            }
        }
    }

    /// From the description of a pod to its log; `esc` leads to the table.
    fn replace_by_logs(&mut self, previous: bool) {
        if self.object().is_some_and(|object| !is_pod(&object)) {
            self.say(Severity::Note, "only pods have logs");
            return;
        }
        self.open_logs("", previous);
        let above = self.overlays.pop();
        if let Some(below) = self.overlays.pop() {
            self.close(&*below);
        }
        self.overlays.extend(above);
    }

    /// From an open object to something of its row in the table.
    fn leave_for(&mut self, action: Action) {
        let open = self.object();
        if self.tab().and_then(|tab| tab.listing.selected()) == open {
            self.uncover();
            self.act(action);
        } else {
            self.say(Severity::Note, "the object is no longer in the table");
        }
    }

    /// Acts on a choice; the panel it was made in is closed already. The view below it is asked first.
    pub(super) fn pick(&mut self, pick: Pick) {
        if let Some(reply) = self.with_top(|view, cx| view.on_pick(&pick, cx)).flatten() {
            return self.answer(reply, None);
        }
        match pick {
            Pick::Container(name) => self.open_logs(&name, false),
            Pick::Copy(text) => {
                let what = if text.contains('\n') { format!("{} lines", text.lines().count()) } else { text.clone() };
                self.copy(text, &what);
            }
            Pick::Save(format) => self.save_screen(format),
            Pick::Close => {}
        }
    }

    /// Draws the screen as it is and has it saved.
    fn save_screen(&mut self, format: Format) {
        let mut buffer = Buffer::empty(self.screen());
        self.render(&mut buffer);
        let text = match format {
            Format::Text => export::text(&buffer),
            Format::Ansi => export::ansi(&buffer),
            Format::Svg => export::svg(&buffer, self.appearance.theme().background),
        };
        let time = self.now.to_string().replace(':', "-");
        self.effects.push(Effect::Save { name: format!("screen-{time}.{}", format.extension()), text });
    }

    /// Searches the text on top.
    pub(super) fn search(&mut self, text: &str) {
        self.with_top(|view, cx| view.search(text, cx));
    }

    /// The actions that would do nothing where the cursor is: the hint line leaves them out.
    pub(super) fn unavailable(&self) -> Vec<Action> {
        if let Some(view) = self.top() {
            return view.unavailable(&self.cx(self.areas().table));
        }
        let Some(listing) = self.tab().map(|tab| &tab.listing) else { return Vec::new() };
        let mut actions = Vec::new();
        let has_logs = matches!(listing.place.source, Source::Resources(_))
            && listing.selected().is_some_and(|object| is_pod(&object));
        if !has_logs {
            actions.push(Action::LOGS);
        }
        if listing.coverage.missing.is_empty() {
            actions.push(keys::MISSING);
        }
        actions.extend(self.unavailable_verbs());
        actions
    }
}

fn is_pod(object: &ObjectKey) -> bool {
    object.kind.kind == "Pod" && object.kind.group.is_empty()
}

#[cfg(test)]
mod tests;
