//! The log of one container: follows, goes back in time, searches, says what was dropped.

use super::dialog::{Chooser, Pick};
use super::keymap::common::{CLOSE, HELP, MOVES, QUIT, SCREEN, SIDEWAYS};
use super::keymap::{Action, ActionSpec, Binding, Context, ContextSpec, bind};
use super::msg::Effect;
use super::page::{Title, begin, inner, say};
use super::reader::keys::{FOLLOW, SEARCH, SEARCHING, WRAP, WRAPPING};
use super::reader::{Lines, Reader, Room, Syntax};
use super::theme::Role;
use super::view::{Input, Keep, Layer, Reply, RequestIds, View, ViewContext, ViewSpec};
use crate::model::logs::LogSource;
use crate::model::object::ObjectKey;
use crate::model::text::Text;
use crate::protocol::{LogStream, LogStreamState, LogsRequest, Request, RequestId, Snapshot};
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use std::sync::Arc;

/// Shows or hides the time of each line.
const TIMESTAMPS: Action = Action::new("timestamps");
/// Opens the chooser of containers.
const CONTAINERS: Action = Action::new("containers");
/// Family of the actions that choose how far back the log goes.
const SINCE: &str = "since-";

/// Keys of logs.
const KEYS: &[Binding] = &[
    bind(Action::PREVIOUS_LOGS, &["p"]),
    bind(Action::COPY, &["c"]),
    bind(FOLLOW, &["s"]),
    bind(TIMESTAMPS, &["t"]),
    bind(CONTAINERS, &["tab", "shift-c"]),
    bind(Action::new("since-0"), &["0"]),
    bind(Action::new("since-1"), &["1"]),
    bind(Action::new("since-2"), &["2"]),
    bind(Action::new("since-3"), &["3"]),
    bind(Action::new("since-4"), &["4"]),
    bind(Action::new("since-5"), &["5"]),
    bind(Action::new("since-6"), &["6"]),
];

/// The log of a container.
pub static CONTEXT: ContextSpec = ContextSpec {
    context: Context::new("logs"),
    title: "Logs",
    is_typing: false,
    actions: &[
        ActionSpec::new(TIMESTAMPS, "times", "Show or hide the time of each line"),
        ActionSpec::new(CONTAINERS, "containers", "Choose the container"),
        ActionSpec::new(Action::new("since-0"), "tail", "Show the last lines"),
        ActionSpec::new(Action::new("since-1"), "all", "Show the log from its beginning"),
        ActionSpec::new(Action::new("since-2"), "1m", "Show the last minute"),
        ActionSpec::new(Action::new("since-3"), "5m", "Show the last 5 minutes"),
        ActionSpec::new(Action::new("since-4"), "15m", "Show the last 15 minutes"),
        ActionSpec::new(Action::new("since-5"), "1h", "Show the last hour"),
        ActionSpec::new(Action::new("since-6"), "1d", "Show the last day"),
    ],
    keys: &[KEYS, SEARCHING, WRAPPING, SCREEN, HELP, CLOSE, MOVES, SIDEWAYS, QUIT],
    hints: &[Action::BACK, FOLLOW, SEARCH, WRAP, TIMESTAMPS, Action::PREVIOUS_LOGS, CONTAINERS, Action::SAVE],
};

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
    source: LogSource,
    since: u8,
    reader: Reader,
    /// Lines known to have gone when the text was last taken.
    dropped: u64,
    containers: Arc<[Text]>,
}

impl LogView {
    /// Opens the log of a pod's container (empty: the one `kubectl logs` would take); send the requests.
    pub fn open(pod: ObjectKey, container: &str, previous: bool, ids: &RequestIds) -> (Self, Vec<Request>) {
        let source = LogSource {
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
        let requests = view.start(ids);
        (view, requests)
    }

    fn start(&mut self, ids: &RequestIds) -> Vec<Request> {
        self.id = ids.fresh();
        self.dropped = 0;
        vec![Request::Logs(LogsRequest::Follow { id: self.id, source: self.source.clone() })]
    }

    /// Ends the tail and starts it anew, after the source changed.
    fn restart(&mut self, ids: &RequestIds) -> Reply {
        let mut requests = self.on_close();
        let wrapped = self.reader.is_wrapped();
        self.reader = Reader::tail(Syntax::Log);
        if wrapped {
            self.reader.on(WRAP, Room::default());
        }
        requests.append(&mut self.start(ids));
        Reply::send(requests)
    }

    fn choose_container(&mut self, container: &str, ids: &RequestIds) -> Reply {
        self.source.container = Text::new(container);
        self.restart(ids)
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

    /// Why there is no line.
    fn nothing(&self, tail: Option<&LogStream>) -> (String, Role) {
        let which = if self.source.previous { "previous log" } else { "log" };
        match tail.map(|t| &t.state) {
            None | Some(LogStreamState::Opening) => {
                let what = super::page::object_name(&self.source.pod);
                (format!("◌ opening the {which} of {what} on {} …", self.source.pod.cluster), Role::Progressing)
            }
            Some(LogStreamState::Following) => ("· no line yet".to_owned(), Role::Dim),
            Some(LogStreamState::Ended) => (format!("· the {which} is empty ({})", self.since_word()), Role::Dim),
            Some(LogStreamState::Failed(why)) => (format!("✗ {why}"), Role::Failed),
        }
    }

    fn since_word(&self) -> &'static str {
        CHOICES.iter().find(|c| c.number == self.since).map_or("", |c| c.word)
    }

    /// The most important first: those at the end give way when the row is short.
    fn notes(&self, tail: Option<&LogStream>) -> Vec<(String, Role)> {
        let mut notes = Vec::new();
        let state = match tail.map(|t| &t.state) {
            Some(LogStreamState::Failed(why)) if !self.reader.lines().is_empty() => (format!("✗ {why}"), Role::Failed),
            Some(LogStreamState::Ended) => ("ended".to_owned(), Role::Dim),
            Some(LogStreamState::Following) if self.reader.is_following() => ("● following".to_owned(), Role::Healthy),
            Some(LogStreamState::Following) => ("‖ not following".to_owned(), Role::Warning),
            Some(LogStreamState::Opening | LogStreamState::Failed(_)) | None => (String::new(), Role::Dim),
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

/// The view's line in the registry.
pub static SPEC: ViewSpec = ViewSpec { name: "logs", context: &CONTEXT, layer: Layer::Cover, ..ViewSpec::PANEL };

impl View for LogView {
    fn spec(&self) -> &'static ViewSpec {
        &SPEC
    }

    fn update(&mut self, input: Input, cx: &ViewContext<'_>) -> Reply {
        let Some(action) = input.action else { return Reply::stay() };
        match action {
            Action::BACK if self.reader.is_searching() => {
                self.reader.end_search();
                return Reply::stay();
            }
            Action::BACK => return Reply::close(),
            Action::PREVIOUS_LOGS => {
                self.source.previous = !self.source.previous;
                self.source.follow = !self.source.previous;
            }
            TIMESTAMPS => self.source.timestamps = !self.source.timestamps,
            CONTAINERS => return Reply::over(Chooser::containers(&self.containers, &self.source.container)),
            Action::COPY => return Reply::over(Chooser::copy(&self.source.pod, &[], Some(self.text()), cx.snapshot)),
            Action::SAVE => {
                let save = Effect::Save { name: self.file_name(), text: self.text() };
                return Reply { effects: vec![save], ..Reply::stay() };
            }
            action => {
                let chosen = action.number(SINCE).and_then(|number| CHOICES.iter().find(|c| c.number == number));
                let Some(choice) = chosen else { return Reply::known(self.reader.on(action, room(cx.area))) };
                self.since = choice.number;
                (self.source.since_s, self.source.tail_lines) = (choice.seconds, choice.lines);
            }
        }
        self.restart(cx.ids)
    }

    fn search(&mut self, text: &str, cx: &ViewContext<'_>) {
        self.reader.search(text, room(cx.area));
    }

    fn feed(&mut self, snapshot: &Snapshot) {
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

    fn unavailable(&self, _cx: &ViewContext<'_>) -> Vec<Action> {
        if self.containers.len() > 1 { Vec::new() } else { vec![CONTAINERS] }
    }

    /// Another container of the pod is shown in place of this one.
    fn on_pick(&mut self, pick: &Pick, cx: &ViewContext<'_>) -> Option<Reply> {
        let Pick::Container(name) = pick else { return None };
        Some(self.choose_container(name, cx.ids))
    }

    fn on_rejected(&mut self, request: &Request) -> Keep {
        Keep::unless(matches!(request, Request::Logs(LogsRequest::Follow { id, .. }) if *id == self.id))
    }

    fn on_close(&self) -> Vec<Request> {
        vec![Request::Logs(LogsRequest::Stop(self.id))]
    }

    fn object(&self) -> Option<&ObjectKey> {
        Some(&self.source.pod)
    }

    fn draw(&self, buffer: &mut Buffer, cx: &ViewContext<'_>) {
        let tail = cx.snapshot.logs.get(&self.id).map(Arc::as_ref);
        let title = Title { view: "logs", object: &self.source.pod, notes: self.notes(tail) };
        let body = begin(buffer, &title, cx);
        if self.reader.lines().is_empty() {
            say(body, buffer, &[self.nothing(tail)], cx.theme);
        } else {
            self.reader.draw(inner(body), buffer, cx.theme, Role::Text);
        }
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
