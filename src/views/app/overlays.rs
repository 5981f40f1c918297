//! What lies over the table: opening it, closing it, and what its keys ask of the screen.

use super::App;
use crate::model::document::Aspect;
use crate::model::object::ObjectKey;
use crate::model::text::Text;
use crate::protocol::ProxyRequest;
use crate::protocol::{Request, Severity};
use crate::views::command::COMMANDS;
use crate::views::containers::Containers;
use crate::views::detail::Detail;
use crate::views::dialog::{Chooser, Format, Pick};
use crate::views::doctor::Doctor;
use crate::views::export;
use crate::views::help::Help;
use crate::views::keymap::{Action, Context};
use crate::views::logs::LogView;
use crate::views::msg::Effect;
use crate::views::overlay::Overlay;
use crate::views::palette::{self, Palette, Sources};
use crate::views::place::Source;
use crate::views::prompt::PromptKind;
use crate::views::routes::RoutesView;
use crate::views::sort::SortKey;
use crate::views::theme;
use ratatui::buffer::Buffer;

impl App {
    /// The object that keys of a text mean: the open one, else the row's.
    fn object(&self) -> Option<ObjectKey> {
        match self.overlays.last() {
            Some(Overlay::Detail(detail)) => Some(detail.object().clone()),
            Some(Overlay::Logs(logs)) => Some(logs.pod().clone()),
            Some(Overlay::Containers(list)) => Some(list.pod().clone()),
            _ => self.tab().and_then(|tab| tab.listing.selected()),
        }
    }

    fn cover(&mut self, overlay: Overlay, requests: Vec<Request>) {
        self.effects.extend(requests.into_iter().map(Effect::Send));
        self.overlays.push(overlay);
    }

    /// Closes everything that lies over the table.
    pub(super) fn uncover(&mut self) {
        for overlay in std::mem::take(&mut self.overlays) {
            self.effects.extend(overlay.farewell());
        }
    }

    pub(super) fn open_detail(&mut self, aspect: Aspect) {
        let Some(object) = self.object() else { return };
        let (detail, requests) = Detail::open(object, aspect, &mut self.next_request);
        self.cover(Overlay::Detail(Box::new(detail)), requests);
    }

    /// Opens the log of the pod; an empty container is the one the engine takes.
    pub(super) fn open_logs(&mut self, container: &str, previous: bool) {
        let Some(object) = self.object() else { return };
        if !is_pod(&object) {
            let text = format!("only pods have logs; enter shows the pods of {}", object.name);
            self.say(Severity::Note, &text);
            return;
        }
        let (logs, requests) = LogView::open(object, container, previous, &mut self.next_request);
        self.cover(Overlay::Logs(Box::new(logs)), requests);
    }

    pub(super) fn open_containers(&mut self) {
        let Some(object) = self.object() else { return };
        let (list, requests) = Containers::open(object, &mut self.next_request);
        self.cover(Overlay::Containers(Box::new(list)), requests);
    }

    pub(super) fn open_help(&mut self) {
        let context = self.context();
        let commands: Vec<(&str, &str)> = COMMANDS.iter().map(|c| (c.usage, c.help)).collect();
        self.cover(Overlay::Help(Box::new(Help::new(&self.keymap, context, &commands))), Vec::new());
    }

    pub(super) fn open_doctor(&mut self) {
        self.uncover();
        self.cover(Overlay::Doctor(Doctor::default()), Vec::new());
        self.effects.push(Effect::MeasureMemory);
    }

    /// Shows the routing proxy; where one is named, it is attached first.
    pub(super) fn open_routes(&mut self, attach: Option<(Text, Text)>) {
        self.uncover();
        if let Some((address, token_file)) = attach {
            self.send(Request::Proxy(ProxyRequest::Attach { address, token_file }));
        }
        let (routes, requests) = RoutesView::open(self.utc_offset_s, &mut self.next_request);
        self.cover(Overlay::Routes(Box::new(routes)), requests);
    }

    pub(super) fn note_memory(&mut self, bytes: u64) -> bool {
        let Some(Overlay::Doctor(doctor)) = self.overlays.last_mut() else { return false };
        doctor.memory = Some(bytes);
        true
    }

    fn palette_entries(&self) -> Vec<palette::Entry> {
        let commands: Vec<(&str, &str)> =
            COMMANDS.iter().filter_map(|c| c.names.first().map(|name| (*name, c.help))).collect();
        let auto = std::iter::once((theme::AUTO, "the one that suits the terminal"));
        let themes: Vec<(&str, &str)> = auto.chain(self.themes.iter().map(|t| (&*t.name, &*t.about))).collect();
        palette::entries(&Sources { snapshot: &self.snapshot, commands: &commands, themes: &themes })
    }

    pub(super) fn open_palette(&mut self) {
        let entries = self.palette_entries();
        self.cover(Overlay::Palette(Box::new(Palette::new(entries))), Vec::new());
    }

    pub(super) fn open_save(&mut self) {
        self.cover(Overlay::Chooser(Chooser::save()), Vec::new());
    }

    /// Lets the user choose what to copy.
    pub(super) fn open_copy(&mut self) {
        let Some(object) = self.object() else { return };
        let chooser = match self.overlays.last() {
            Some(Overlay::Detail(detail)) => {
                Chooser::copy(&object, &line_of(detail), Some(detail.text()), &self.snapshot)
            }
            Some(Overlay::Logs(logs)) => Chooser::copy(&object, &[], Some(logs.text()), &self.snapshot),
            _ => match self.snapshot.clusters.get(&object.cluster).filter(|_| self.context() == Context::Fleet) {
                Some(cluster) => Chooser::copy_cluster(cluster),
                None => Chooser::copy(&object, &self.cells(), None, &self.snapshot),
            },
        };
        self.cover(Overlay::Chooser(chooser), Vec::new());
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
    #[expect(clippy::wildcard_enum_match_arm, reason = "a key that means nothing here does nothing")]
    pub(super) fn act_over(&mut self, action: Action) {
        match action {
            Action::Command => self.open_prompt(PromptKind::Command),
            Action::Search => self.open_prompt(PromptKind::Search),
            Action::Filter => self.open_prompt(PromptKind::Filter),
            Action::Palette => self.open_palette(),
            Action::Help => self.open_help(),
            Action::Copy => self.open_copy(),
            Action::Logs => self.replace_by_logs(false),
            Action::PreviousLogs => self.replace_by_logs(true),
            Action::Containers => self.open_container_chooser(),
            Action::Owner | Action::Events => self.leave_for(action),
            Action::Save => match self.overlays.last() {
                Some(Overlay::Logs(logs)) => {
                    let (name, text) = (logs.file_name(), logs.text());
                    self.effects.push(Effect::Save { name, text });
                }
                _ => self.open_save(),
            },
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
            self.effects.extend(below.farewell());
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

    fn open_container_chooser(&mut self) {
        let Some(Overlay::Logs(logs)) = self.overlays.last() else { return };
        let (names, current) = logs.containers();
        let chooser = Chooser::containers(names, current);
        self.cover(Overlay::Chooser(chooser), Vec::new());
    }

    /// Does what was chosen; the chooser is closed already.
    pub(super) fn pick(&mut self, pick: Pick) {
        match pick {
            Pick::Container(name) => self.show_container(&name),
            Pick::Copy(text) => {
                let what = if text.contains('\n') { format!("{} lines", text.lines().count()) } else { text.clone() };
                self.copy(text, &what);
            }
            Pick::Save(format) => self.save_screen(format),
            Pick::Close => {}
        }
    }

    /// Another container of the log that is open, else the log of the row's pod.
    fn show_container(&mut self, name: &str) {
        let mut next = self.next_request;
        let Some(Overlay::Logs(logs)) = self.overlays.last_mut() else { return self.open_logs(name, false) };
        let outcome = logs.choose_container(name, &mut next);
        self.next_request = next;
        self.effects.extend(outcome.requests.into_iter().map(Effect::Send));
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
        if let Some(overlay) = self.overlays.last_mut() {
            overlay.search(text, area);
        }
    }

    /// Says whether a key does something where the cursor is: the hint line offers nothing else.
    pub(super) fn offers(&self, action: Action) -> bool {
        let place = self.tab().map(|tab| &tab.listing.place.source);
        match (action, self.overlays.last()) {
            (_, Some(Overlay::Routes(routes))) => {
                routes.offers(action, self.held.as_ref().unwrap_or(&self.snapshot), self.now)
            }
            (Action::Reveal, Some(Overlay::Detail(detail))) => detail.is_secret(),
            (Action::Yaml, Some(Overlay::Detail(detail))) => detail.aspect() != Aspect::Yaml,
            (Action::Describe, Some(Overlay::Detail(detail))) => detail.aspect() != Aspect::Describe,
            (Action::Containers, Some(Overlay::Logs(logs))) => logs.containers().0.len() > 1,
            (Action::Logs, None) => {
                matches!(place, Some(Source::Resources(_))) && self.object().is_some_and(|object| is_pod(&object))
            }
            (Action::Missing, None) => self.tab().is_some_and(|tab| !tab.listing.coverage.missing.is_empty()),
            _ => true,
        }
    }
}

fn is_pod(object: &ObjectKey) -> bool {
    object.kind.kind == "Pod" && object.kind.group.is_empty()
}

/// The line under the cursor, as something to copy.
fn line_of(detail: &Detail) -> Vec<(String, String)> {
    detail.line_text().map(|line| ("line".to_owned(), line.trim().to_owned())).into_iter().collect()
}

#[cfg(test)]
mod tests;
