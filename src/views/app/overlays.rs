//! What lies over the table: opening it, closing it, and what its keys ask of the screen.

use super::App;
use crate::model::document::Aspect;
use crate::model::object::ObjectKey;
use crate::model::text::Text;
use crate::protocol::{Request, Severity};
use crate::views::command::commands;
use crate::views::containers::Containers;
use crate::views::detail::Detail;
use crate::views::dialog::{Chooser, Format, Pick};
use crate::views::export;
use crate::views::help::Help;
use crate::views::keymap::Action;
use crate::views::listing::keys;
use crate::views::logs::LogView;
use crate::views::msg::Effect;
use crate::views::palette::{self, Palette, Sources};
use crate::views::place::Source;
use crate::views::prompt::PromptKind;
use crate::views::reader::keys::SEARCH;
use crate::views::registry;
use crate::views::session::SavedState;
use crate::views::sort::SortKey;
use crate::views::theme;
use crate::views::view::{Opening, View};
use ratatui::buffer::Buffer;

impl App {
    /// The object that keys mean: the one that is open, else the row's.
    fn object(&self) -> Option<ObjectKey> {
        let open = self.overlays.last().and_then(|view| view.object().cloned());
        open.or_else(|| self.tab().and_then(|tab| tab.listing.selected()))
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

    /// Opens a full-screen view by its command and the words after it; a mistake in them becomes a message.
    pub(super) fn open_view(&mut self, command: &str, words: &[Text]) {
        let Some(open) = registry::find_command(command).and_then(|spec| spec.open) else { return };
        let words: Vec<&str> = words.iter().map(Text::as_str).collect();
        let saved = SavedState::default();
        let mut opening = Opening {
            words: &words,
            saved: &saved,
            utc_offset_s: self.utc_offset_s,
            ids: &self.ids,
            effects: Vec::new(),
        };
        match open(&mut opening) {
            Ok(view) => {
                let effects = opening.effects;
                self.uncover();
                self.effects.extend(effects);
                self.overlays.push(view);
            }
            Err(why) => {
                self.say(Severity::Error, &why);
            }
        }
    }

    pub(super) fn note_memory(&mut self, bytes: u64) -> bool {
        self.process_bytes = Some(bytes);
        !self.overlays.is_empty()
    }

    fn palette_entries(&self) -> Vec<palette::PaletteEntry> {
        let commands: Vec<(&str, &str)> =
            commands().filter_map(|c| c.names.first().map(|name| (*name, c.help))).collect();
        let auto = std::iter::once((theme::AUTO, "the one that suits the terminal"));
        let themes: Vec<(&str, &str)> = auto.chain(self.themes.iter().map(|t| (&*t.name, &*t.about))).collect();
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
            _ => {}
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
        let area = self.areas().table;
        if let Some(mut view) = self.overlays.pop() {
            let reply = view.on_pick(&pick, &self.cx(area));
            let taken = reply.is_some();
            self.answer(view, reply.unwrap_or_default(), None);
            if taken {
                return;
            }
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
            Format::Svg => export::svg(&buffer, self.theme.background),
        };
        let time = self.now.to_string().replace(':', "-");
        self.effects.push(Effect::Save { name: format!("screen-{time}.{}", format.extension()), text });
    }

    /// Searches the text on top.
    pub(super) fn search(&mut self, text: &str) {
        let area = self.areas().table;
        if let Some(mut view) = self.overlays.pop() {
            view.search(text, &self.cx(area));
            self.overlays.push(view);
        }
    }

    /// The actions that would do nothing where the cursor is: the hint line leaves them out.
    pub(super) fn unavailable(&self) -> Vec<Action> {
        if let Some(view) = self.overlays.last() {
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
        actions
    }
}

fn is_pod(object: &ObjectKey) -> bool {
    object.kind.kind == "Pod" && object.kind.group.is_empty()
}

#[cfg(test)]
mod tests;
