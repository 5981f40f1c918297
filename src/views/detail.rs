//! One object, opened: its YAML or its description, kept current; the values of a Secret on request.

use super::dialog::Chooser;
use super::keymap::common::{CLOSE, HELP, MOVES, QUIT, SCREEN, SIDEWAYS_WITHOUT_L};
use super::keymap::{Action, ActionSpec, Binding, Context, ContextSpec, bind};
use super::page::{Title, begin, inner, say};
use super::reader::keys::{FOLD, FOLD_ALL, SEARCH, SEARCHING, WRAP, WRAPPING};
use super::reader::{Lines, Reader, Room, Syntax};
use super::theme::Role;
use super::view::{Input, Keep, Layer, Reply, RequestIds, View, ViewContext, ViewSpec};
use crate::model::document::{Aspect, Body, Document};
use crate::model::object::ObjectKey;
use crate::model::text::Text;
use crate::protocol::{DocumentRequest, Progress, Request, RequestId, Reveal, Snapshot};
use ratatui::buffer::Buffer;
use ratatui::layout::{Position, Rect};
use std::sync::Arc;

/// Shows or hides the decoded values of a Secret.
const REVEAL: Action = Action::new("reveal");

/// Keys of YAML and descriptions.
const KEYS: &[Binding] = &[
    bind(Action::DESCRIBE, &["d"]),
    bind(Action::YAML, &["y"]),
    bind(Action::LOGS, &["l"]),
    bind(Action::PREVIOUS_LOGS, &["p"]),
    bind(Action::OWNER, &["shift-j"]),
    bind(Action::EVENTS, &["v"]),
    bind(Action::COPY, &["c"]),
    bind(FOLD, &["space", "enter"]),
    bind(FOLD_ALL, &["z"]),
    bind(REVEAL, &["x"]),
];

/// YAML or describe of one object.
pub static CONTEXT: ContextSpec = ContextSpec {
    context: Context::new("detail"),
    title: "YAML and describe",
    is_typing: false,
    actions: &[ActionSpec::new(REVEAL, "decode", "Show or hide the decoded values of the Secret")],
    keys: &[KEYS, SEARCHING, WRAPPING, SCREEN, HELP, CLOSE, MOVES, SIDEWAYS_WITHOUT_L, QUIT],
    hints: &[Action::BACK, SEARCH, FOLD, REVEAL, WRAP, Action::YAML, Action::DESCRIBE, Action::COPY, Action::OWNER],
};

/// The decoded values, from the question to the answer. They live here and nowhere else, and go when this goes.
#[derive(Debug)]
enum Decoded {
    No,
    Asked { id: RequestId, slot: Reveal },
    Shown,
    Failed(String),
}

/// The open object.
#[derive(Debug)]
pub struct Detail {
    id: RequestId,
    object: ObjectKey,
    aspect: Aspect,
    reader: Reader,
    decoded: Decoded,
}

impl Detail {
    /// Opens an object; send the requests.
    pub fn open(object: ObjectKey, aspect: Aspect, ids: &RequestIds) -> (Self, Vec<Request>) {
        let id = ids.fresh();
        let reader = Reader::document(syntax(aspect));
        let open = Request::Document(DocumentRequest::Open { id, object: object.clone(), aspect });
        (Self { id, object, aspect, reader, decoded: Decoded::No }, vec![open])
    }

    /// Says whether it can show decoded values: the YAML of a Secret.
    pub fn is_secret(&self) -> bool {
        self.aspect == Aspect::Yaml && self.object.kind.kind == "Secret" && self.object.kind.group.is_empty()
    }

    /// The whole text, for the clipboard; masked unless it is shown decoded.
    pub fn text(&self) -> String {
        let lines = self.reader.lines();
        (0..lines.len()).map(|n| lines.line(n).into_owned() + "\n").collect()
    }

    /// The texts that can be copied: the object's names, the line under the cursor, the text.
    fn copies(&self, snapshot: &Snapshot) -> Chooser {
        let line = self.reader.line_text().map(|line| ("line".to_owned(), line.trim().to_owned()));
        Chooser::copy(&self.object, line.as_slice(), Some(self.text()), snapshot)
    }

    fn lines(&self, snapshot: &Snapshot) -> Option<Arc<[Text]>> {
        match &snapshot.documents.get(&self.id)?.body {
            Body::Ready(lines) | Body::Gone(lines) => Some(Arc::clone(lines)),
            Body::Fetching | Body::Failed(_) => None,
        }
    }

    /// Shows the other aspect of the same object.
    fn turn(&mut self, aspect: Aspect, ids: &RequestIds) -> Reply {
        if self.aspect == aspect {
            return Reply::stay();
        }
        let mut requests = self.on_close();
        let (turned, mut open) = Self::open(self.object.clone(), aspect, ids);
        *self = turned;
        requests.append(&mut open);
        Reply::send(requests)
    }

    /// Asks for the decoded values once; a second time hides them, and what was shown is dropped.
    fn reveal(&mut self, cx: &ViewContext<'_>) -> Reply {
        match self.decoded {
            Decoded::No | Decoded::Failed(_) => {
                let (id, slot) = (cx.ids.fresh(), Reveal::default());
                let ask = Request::Document(DocumentRequest::RevealSecret {
                    id,
                    object: self.object.clone(),
                    reveal: slot.clone(),
                });
                self.decoded = Decoded::Asked { id, slot };
                Reply::send([ask])
            }
            Decoded::Asked { .. } | Decoded::Shown => {
                self.decoded = Decoded::No;
                self.reader.set_lines(Lines::default(), 0);
                self.feed(cx.snapshot);
                Reply::stay()
            }
        }
    }

    fn notes(&self, document: Option<&Document>, area: Rect) -> Vec<(String, Role)> {
        let mut notes = Vec::new();
        if matches!(document.map(|d| &d.body), Some(Body::Gone(_))) {
            notes.push(("✗ deleted".to_owned(), Role::Failed));
        }
        notes.extend(match &self.decoded {
            _ if !self.is_secret() => None,
            Decoded::No => Some(("values masked".to_owned(), Role::Dim)),
            Decoded::Asked { .. } => Some(("◌ decoding".to_owned(), Role::Progressing)),
            Decoded::Shown => Some(("values decoded".to_owned(), Role::Secret)),
            Decoded::Failed(why) => Some((format!("not decoded: {why}"), Role::Failed)),
        });
        if let Some((text, at, count)) = self.reader.found() {
            notes.push((format!("/{text} {at}/{count}"), if count == 0 { Role::Warning } else { Role::Match }));
        }
        if !self.reader.lines().is_empty() {
            notes.push((format!("{}%", self.reader.percent(room(area))), Role::Dim));
        }
        notes
    }
}

/// The view's line in the registry.
pub static SPEC: ViewSpec = ViewSpec { name: "detail", context: &CONTEXT, layer: Layer::Cover, ..ViewSpec::PANEL };

impl View for Detail {
    fn spec(&self) -> &'static ViewSpec {
        &SPEC
    }

    fn update(&mut self, input: Input, cx: &ViewContext<'_>) -> Reply {
        let Some(action) = input.action else { return Reply::stay() };
        match action {
            Action::BACK if self.reader.is_searching() => {
                self.reader.end_search();
                Reply::stay()
            }
            Action::BACK => Reply::close(),
            Action::YAML => self.turn(Aspect::Yaml, cx.ids),
            Action::DESCRIBE => self.turn(Aspect::Describe, cx.ids),
            REVEAL if self.is_secret() => self.reveal(cx),
            Action::COPY => Reply::over(self.copies(cx.snapshot)),
            action => Reply::known(self.reader.on(action, room(cx.area))),
        }
    }

    /// A click puts the cursor there, a second one folds.
    fn click(&mut self, at: Position, cx: &ViewContext<'_>) -> Option<Reply> {
        let area = cx.area;
        let is_text = area.contains(at) && at.y > area.y;
        (is_text && self.reader.click(usize::from(at.y - area.y - 1), room(area))).then(Reply::stay)
    }

    fn search(&mut self, text: &str, cx: &ViewContext<'_>) {
        self.reader.search(text, room(cx.area));
    }

    fn feed(&mut self, snapshot: &Snapshot) {
        if let Decoded::Asked { id, slot } = &self.decoded {
            if let Some(text) = slot.text() {
                let lines: Arc<[Text]> = text.lines().map(Text::new).collect();
                self.reader.set_lines(Lines::Texts(lines), 0);
                self.decoded = Decoded::Shown;
            } else if let Some(Progress::Failed(why)) = snapshot.operations.get(id).map(|o| &o.progress) {
                self.decoded = Decoded::Failed(why.message.clone());
            }
        }
        if let (Some(lines), false) = (self.lines(snapshot), matches!(self.decoded, Decoded::Shown)) {
            self.reader.set_lines(Lines::Texts(lines), 0);
        }
    }

    fn unavailable(&self, _cx: &ViewContext<'_>) -> Vec<Action> {
        let mut actions = vec![match self.aspect {
            Aspect::Yaml => Action::YAML,
            Aspect::Describe => Action::DESCRIBE,
        }];
        if !self.is_secret() {
            actions.push(REVEAL);
        }
        actions
    }

    fn on_rejected(&mut self, request: &Request) -> Keep {
        if let Decoded::Asked { id: asked, .. } = &self.decoded
            && matches!(request, Request::Document(DocumentRequest::RevealSecret { id, .. }) if id == asked)
        {
            self.decoded = Decoded::Failed("the engine is busy".to_owned());
        }
        Keep::unless(matches!(request, Request::Document(DocumentRequest::Open { id, .. }) if *id == self.id))
    }

    fn on_close(&self) -> Vec<Request> {
        vec![Request::Document(DocumentRequest::Close(self.id))]
    }

    fn object(&self) -> Option<&ObjectKey> {
        Some(&self.object)
    }

    fn draw(&self, buffer: &mut Buffer, cx: &ViewContext<'_>) {
        let document = cx.snapshot.documents.get(&self.id).map(Arc::as_ref);
        let title = Title { view: view(self.aspect), object: &self.object, notes: self.notes(document, cx.area) };
        let body = begin(buffer, &title, cx);
        match document.map(|d| &d.body) {
            Some(Body::Failed(why)) => say(body, buffer, &[(format!("✗ {why}"), Role::Failed)], cx.theme),
            _ if self.reader.lines().is_empty() => {
                let what = super::page::object_name(&self.object);
                let line = format!("◌ fetching {what} from {} …", self.object.cluster);
                say(body, buffer, &[(line, Role::Progressing)], cx.theme);
            }
            Some(Body::Gone(_)) => self.reader.draw(inner(body), buffer, cx.theme, Role::Stale),
            Some(Body::Ready(_) | Body::Fetching) | None => {
                self.reader.draw(inner(body), buffer, cx.theme, Role::Text);
            }
        }
    }
}

fn syntax(aspect: Aspect) -> Syntax {
    match aspect {
        Aspect::Yaml => Syntax::Yaml,
        Aspect::Describe => Syntax::Describe,
    }
}

fn view(aspect: Aspect) -> &'static str {
    match aspect {
        Aspect::Yaml => "yaml",
        Aspect::Describe => "describe",
    }
}

/// The room of the text: the leaf without its title row and its edges.
fn room(area: Rect) -> Room {
    Room::new(area.width.saturating_sub(2), area.height.saturating_sub(1))
}

#[cfg(test)]
mod tests;
