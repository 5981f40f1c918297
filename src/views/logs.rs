//! The log of one container: follows, goes back in time, searches, says what was dropped.

use crate::protocol::LogsRequest;
use super::keymap::Action;
use super::page::{Outcome, Scene, Title, begin, fresh, inner, say};
use super::reader::{Lines, Reader, Room, Syntax};
use super::theme::Role;
use crate::model::object::ObjectKey;
use crate::model::text::Text;
use crate::protocol::{Request, RequestId, Snapshot, Tail, TailSource, TailState};
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use std::sync::Arc;

/// How far back a key goes: seconds or lines; neither is from the beginning.
#[derive(Debug, Clone, Copy)]
struct Since {
    number: u8,
    word: &'static str,
    seconds: Option<u32>,
    lines: Option<u32>,
}

const fn since(number: u8, word: &'static str, seconds: Option<u32>, lines: Option<u32>) -> Since {
    Since { number, word, seconds, lines }
}

/// Lines shown at first: some screens full, and cheap for the server.
const FIRST_LINES: u32 = 500;

const CHOICES: &[Since] = &[
    since(0, "last 500 lines", None, Some(FIRST_LINES)),
    since(1, "from the beginning", None, None),
    since(2, "last 1m", Some(60), None),
    since(3, "last 5m", Some(300), None),
    since(4, "last 15m", Some(900), None),
    since(5, "last 1h", Some(3_600), None),
    since(6, "last 1d", Some(86_400), None),
];

/// The open log.
#[derive(Debug)]
pub struct LogView {
    id: RequestId,
    source: TailSource,
    since: u8,
    reader: Reader,
    /// Lines known to have gone when the text was last taken.
    dropped: u64,
    containers: Arc<[Text]>,
}

impl LogView {
    /// Opens the log of a pod's container (empty: the one `kubectl logs` would take); send the requests.
    pub fn open(pod: ObjectKey, container: &str, previous: bool, next: &mut u64) -> (Self, Vec<Request>) {
        let source = TailSource {
            pod,
            container: Text::new(container),
            follow: !previous,
            previous,
            timestamps: false,
            since_s: None,
            tail_lines: Some(FIRST_LINES),
        };
        let mut view = Self {
            id: RequestId(0),
            source,
            since: 0,
            reader: Reader::tail(Syntax::Log),
            dropped: 0,
            containers: Arc::from([]),
        };
        let requests = view.start(next);
        (view, requests)
    }

    fn start(&mut self, next: &mut u64) -> Vec<Request> {
        self.id = fresh(next);
        self.dropped = 0;
        vec![Request::Logs(LogsRequest::Follow { id: self.id, source: self.source.clone() })]
    }

    /// Ends the tail and starts it anew, after the source changed.
    fn restart(&mut self, next: &mut u64) -> Outcome {
        let mut requests = self.close();
        let wrapped = self.reader.is_wrapped();
        self.reader = Reader::tail(Syntax::Log);
        if wrapped {
            self.reader.on(Action::Wrap, Room::default());
        }
        requests.append(&mut self.start(next));
        Outcome::send(requests)
    }

    /// Says whether it was this that was asked in vain.
    pub fn misses(&self, request: &Request) -> bool {
        matches!(request, Request::Logs(LogsRequest::Follow { id, .. }) if *id == self.id)
    }

    /// What must be sent when it is closed, however that comes about.
    pub fn close(&self) -> Vec<Request> {
        vec![Request::Logs(LogsRequest::Stop(self.id))]
    }

    pub fn pod(&self) -> &ObjectKey {
        &self.source.pod
    }

    /// The containers to choose from, and which is shown.
    pub fn containers(&self) -> (&[Text], &str) {
        (&self.containers, &self.source.container)
    }

    pub fn choose_container(&mut self, container: &str, next: &mut u64) -> Outcome {
        self.source.container = Text::new(container);
        self.restart(next)
    }

    /// All lines that are kept, for a file.
    pub fn text(&self) -> String {
        let lines = self.reader.lines();
        (0..lines.len()).map(|n| lines.line(n).into_owned() + "\n").collect()
    }

    /// A file name for the saved log.
    pub fn file_name(&self) -> String {
        let parts = [
            self.source.pod.cluster.as_str(),
            &self.source.pod.namespace,
            &self.source.pod.name,
            &self.source.container,
        ];
        parts.iter().filter(|p| !p.is_empty()).copied().collect::<Vec<_>>().join("_") + ".log"
    }

    /// Takes what a new snapshot has of it.
    pub fn feed(&mut self, snapshot: &Snapshot) {
        let Some(tail) = snapshot.logs.get(&self.id) else { return };
        let gone = tail.dropped.saturating_sub(self.dropped);
        self.dropped = tail.dropped;
        self.reader.set_lines(Lines::Logs(Arc::clone(&tail.lines)), usize::try_from(gone).unwrap_or(usize::MAX));
        self.containers = Arc::clone(&tail.containers);
        if self.source.container.is_empty() {
            // The engine says which container it took.
            self.source.container = tail.source.container.clone();
        }
    }

    /// Does what a key asked for. `area` is the whole leaf. The container chooser is opened by the screen.
    #[expect(clippy::wildcard_enum_match_arm, reason = "a view takes the actions it knows and leaves the others")]
    pub fn on(&mut self, action: Action, area: Rect, next: &mut u64) -> Outcome {
        match action {
            Action::Back if self.reader.is_searching() => self.reader.end_search(),
            Action::Back => return Outcome { taken: true, close: true, requests: Vec::new() },
            Action::PreviousLogs => {
                self.source.previous = !self.source.previous;
                self.source.follow = !self.source.previous;
                return self.restart(next);
            }
            Action::Timestamps => {
                self.source.timestamps = !self.source.timestamps;
                return self.restart(next);
            }
            Action::Since(number) => {
                let Some(choice) = CHOICES.iter().find(|c| c.number == number) else { return Outcome::default() };
                self.since = number;
                (self.source.since_s, self.source.tail_lines) = (choice.seconds, choice.lines);
                return self.restart(next);
            }
            action => return Outcome { taken: self.reader.on(action, room(area)), ..Outcome::default() },
        }
        Outcome::taken()
    }

    pub fn search(&mut self, text: &str, area: Rect) {
        self.reader.search(text, room(area));
    }

    /// Turns the wheel.
    pub fn scroll(&mut self, rows: usize, down: bool, area: Rect) {
        self.reader.scroll(room(area), rows, down);
    }

    pub fn draw(&self, area: Rect, buffer: &mut Buffer, scene: &Scene<'_>) {
        let tail = scene.snapshot.logs.get(&self.id).map(Arc::as_ref);
        let title = Title { view: "logs", object: &self.source.pod, notes: self.notes(tail) };
        let body = begin(area, buffer, &title, scene);
        if self.reader.lines().is_empty() {
            say(body, buffer, &[self.nothing(tail)], scene.theme);
        } else {
            self.reader.draw(inner(body), buffer, scene.theme, Role::Text);
        }
    }

    /// Why there is no line.
    fn nothing(&self, tail: Option<&Tail>) -> (String, Role) {
        let which = if self.source.previous { "previous log" } else { "log" };
        match tail.map(|t| &t.state) {
            None | Some(TailState::Opening) => {
                let what = super::page::object_name(&self.source.pod);
                (format!("◌ opening the {which} of {what} on {} …", self.source.pod.cluster), Role::Progressing)
            }
            Some(TailState::Following) => ("· no line yet".to_owned(), Role::Dim),
            Some(TailState::Ended) => (format!("· the {which} is empty ({})", self.since_word()), Role::Dim),
            Some(TailState::Failed(why)) => (format!("✗ {why}"), Role::Failed),
        }
    }

    fn since_word(&self) -> &'static str {
        CHOICES.iter().find(|c| c.number == self.since).map_or("", |c| c.word)
    }

    /// The most important first: those at the end give way when the row is short.
    fn notes(&self, tail: Option<&Tail>) -> Vec<(String, Role)> {
        let mut notes = Vec::new();
        let state = match tail.map(|t| &t.state) {
            Some(TailState::Failed(why)) if !self.reader.lines().is_empty() => (format!("✗ {why}"), Role::Failed),
            Some(TailState::Ended) => ("ended".to_owned(), Role::Dim),
            Some(TailState::Following) if self.reader.is_following() => ("● following".to_owned(), Role::Healthy),
            Some(TailState::Following) => ("‖ not following".to_owned(), Role::Warning),
            Some(TailState::Opening | TailState::Failed(_)) | None => (String::new(), Role::Dim),
        };
        notes.push(state);
        if let Some((text, _, count)) = self.reader.found() {
            notes.push((format!("/{text} {count} lines"), if count == 0 { Role::Warning } else { Role::Match }));
        }
        if self.dropped > 0 {
            notes.push((format!("{} dropped", thousands(self.dropped)), Role::Warning));
        }
        if !self.source.container.is_empty() {
            let more = self.containers.len().saturating_sub(1);
            let more = if more > 0 { format!(" (+{more})") } else { String::new() };
            notes.push((format!("{}{more}", self.source.container), Role::Scope));
        }
        if self.source.container.is_empty() && self.containers.len() > 1 {
            notes.push((format!("1 of {} containers", self.containers.len()), Role::Scope));
        }
        if self.source.previous {
            notes.push(("previous run".to_owned(), Role::Warning));
        }
        notes.push((self.since_word().to_owned(), Role::Dim));
        notes
    }
}

/// Digits in groups of three.
pub fn thousands(number: u64) -> String {
    super::header::grouped(usize::try_from(number).unwrap_or(usize::MAX))
}

/// The room of the text: the leaf without its title row and its edges.
fn room(area: Rect) -> Room {
    Room::new(area.width.saturating_sub(2), area.height.saturating_sub(1))
}

#[cfg(test)]
mod tests;
