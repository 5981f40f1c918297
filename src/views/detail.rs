//! One object, opened: its YAML or its description, kept current; the values of a Secret on request.

use super::keymap::Action;
use super::page::{Outcome, Scene, Title, begin, fresh, inner, say};
use super::reader::{Lines, Reader, Room, Syntax};
use super::theme::Role;
use crate::model::document::{Aspect, Body, Document};
use crate::model::object::ObjectKey;
use crate::model::text::Text;
use crate::protocol::DocumentRequest;
use crate::protocol::{Progress, Request, RequestId, Reveal, Snapshot};
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use std::sync::Arc;

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
    pub fn open(object: ObjectKey, aspect: Aspect, next: &mut u64) -> (Self, Vec<Request>) {
        let id = fresh(next);
        let reader = Reader::document(syntax(aspect));
        let open = Request::Document(DocumentRequest::Open { id, object: object.clone(), aspect });
        (Self { id, object, aspect, reader, decoded: Decoded::No }, vec![open])
    }

    /// Takes back what was asked in vain; says whether nothing of it is left to show.
    pub fn miss(&mut self, request: &Request) -> bool {
        if let Decoded::Asked { id: asked, .. } = &self.decoded
            && matches!(request, Request::Document(DocumentRequest::RevealSecret { id, .. }) if id == asked)
        {
            self.decoded = Decoded::Failed("the engine is busy".to_owned());
        }
        matches!(request, Request::Document(DocumentRequest::Open { id, .. }) if *id == self.id)
    }

    /// What must be sent when it is closed, however that comes about.
    pub fn close(&self) -> Vec<Request> {
        vec![Request::Document(DocumentRequest::Close(self.id))]
    }

    pub fn object(&self) -> &ObjectKey {
        &self.object
    }

    pub fn aspect(&self) -> Aspect {
        self.aspect
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

    pub fn line_text(&self) -> Option<String> {
        self.reader.line_text()
    }

    /// Takes what a new snapshot has of it.
    pub fn feed(&mut self, snapshot: &Snapshot) {
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

    fn lines(&self, snapshot: &Snapshot) -> Option<Arc<[Text]>> {
        match &snapshot.documents.get(&self.id)?.body {
            Body::Ready(lines) | Body::Gone(lines) => Some(Arc::clone(lines)),
            Body::Fetching | Body::Failed(_) => None,
        }
    }

    /// Does what a key asked for. `area` is the whole leaf.
    #[expect(clippy::wildcard_enum_match_arm, reason = "a view takes the actions it knows and leaves the others")]
    pub fn on(&mut self, action: Action, area: Rect, snapshot: &Snapshot, next: &mut u64) -> Outcome {
        match action {
            Action::Back if self.reader.is_searching() => self.reader.end_search(),
            Action::Back => return Outcome { taken: true, close: true, requests: Vec::new() },
            Action::Yaml => return self.turn(Aspect::Yaml, next),
            Action::Describe => return self.turn(Aspect::Describe, next),
            Action::Reveal if self.is_secret() => return self.reveal(snapshot, next),
            action => return Outcome { taken: self.reader.on(action, room(area)), ..Outcome::default() },
        }
        Outcome::taken()
    }

    /// Shows the other aspect of the same object.
    fn turn(&mut self, aspect: Aspect, next: &mut u64) -> Outcome {
        if self.aspect == aspect {
            return Outcome::taken();
        }
        let mut requests = self.close();
        let (turned, mut open) = Self::open(self.object.clone(), aspect, next);
        *self = turned;
        requests.append(&mut open);
        Outcome::send(requests)
    }

    /// Asks for the decoded values once; a second time hides them, and what was shown is dropped.
    fn reveal(&mut self, snapshot: &Snapshot, next: &mut u64) -> Outcome {
        match self.decoded {
            Decoded::No | Decoded::Failed(_) => {
                let (id, slot) = (fresh(next), Reveal::default());
                let ask = Request::Document(DocumentRequest::RevealSecret {
                    id,
                    object: self.object.clone(),
                    reveal: slot.clone(),
                });
                self.decoded = Decoded::Asked { id, slot };
                Outcome::send(vec![ask])
            }
            Decoded::Asked { .. } | Decoded::Shown => {
                self.decoded = Decoded::No;
                self.reader.set_lines(Lines::default(), 0);
                self.feed(snapshot);
                Outcome::taken()
            }
        }
    }

    pub fn search(&mut self, text: &str, area: Rect) {
        self.reader.search(text, room(area));
    }

    /// Takes a click at a column and row of the screen: the cursor goes there, a second one folds.
    pub fn click(&mut self, (x, y): (u16, u16), area: Rect) -> bool {
        area.contains((x, y).into()) && y > area.y && self.reader.click(usize::from(y - area.y - 1), room(area))
    }

    /// Turns the wheel.
    pub fn scroll(&mut self, rows: usize, down: bool, area: Rect) {
        self.reader.scroll(room(area), rows, down);
    }

    pub fn draw(&self, area: Rect, buffer: &mut Buffer, scene: &Scene<'_>) {
        let document = scene.snapshot.documents.get(&self.id).map(Arc::as_ref);
        let title = Title { view: view(self.aspect), object: &self.object, notes: self.notes(document, area) };
        let body = begin(area, buffer, &title, scene);
        match document.map(|d| &d.body) {
            Some(Body::Failed(why)) => say(body, buffer, &[(format!("✗ {why}"), Role::Failed)], scene.theme),
            _ if self.reader.lines().is_empty() => {
                let what = super::page::object_name(&self.object);
                let line = format!("◌ fetching {what} from {} …", self.object.cluster);
                say(body, buffer, &[(line, Role::Progressing)], scene.theme);
            }
            Some(Body::Gone(_)) => self.reader.draw(inner(body), buffer, scene.theme, Role::Stale),
            Some(Body::Ready(_) | Body::Fetching) | None => {
                self.reader.draw(inner(body), buffer, scene.theme, Role::Text);
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
