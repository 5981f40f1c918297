//! A plan over the table: what it changes, the consent it needs, and the operation that runs it.

use super::choice::Choice;
use super::consent::Consenting;
use super::line::ChangeLine;
use super::operation::{self, OperationPane};
use super::{keys, text};
use crate::facts::change as facts;
use crate::model::change::{Consent, Given, OperationId};
use crate::protocol::{ChangeRequest, OperationStatus, PlanStatus, ReadyPlan, Request, RequestId};
use crate::views::cursor::moved;
use crate::views::header::{Piece, write};
use crate::views::keymap::{Action, common};
use crate::views::page::{inner, say};
use crate::views::panel::clear;
use crate::views::theme::Role;
use crate::views::view::{FilterLine, Input, Keep, Layer, Reply, RequestIds, View, ViewContext, ViewSpec};
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

/// A plan that the engine makes, shows and runs for this screen.
#[derive(Debug)]
pub struct PlanView {
    id: RequestId,
    /// The change and its objects, in words.
    title: String,
    /// The first line that is shown.
    top: usize,
    /// The names that are being typed.
    consenting: Option<Consenting>,
    /// The consent was sent.
    is_sent: bool,
    pane: OperationPane,
}

/// The view's line in the registry.
pub static SPEC: ViewSpec = ViewSpec { name: "plan", context: &keys::PLAN, layer: Layer::Cover, ..ViewSpec::PANEL };

/// The line in the registry while names are typed.
pub static TYPED: ViewSpec =
    ViewSpec { name: "plan-consent", context: &common::ASK, layer: Layer::Cover, ..ViewSpec::PANEL };

impl PlanView {
    /// Shows the plan of a change; the request has it made.
    pub fn make(choice: &Choice, line: ChangeLine, ids: &RequestIds) -> (Self, Request) {
        let id = ids.fresh();
        let title = format!("{}: {}", facts::words(&line.change), choice.words());
        (Self::new(id, title), choice.plan(line, id))
    }

    /// Shows the plan of what an operation left; the request has it made.
    pub fn resume(operation: OperationId, ids: &RequestIds) -> (Self, Request) {
        let id = ids.fresh();
        let view = Self::new(id, format!("the rest of {operation}"));
        (view, Request::Change(ChangeRequest::Resume { id, operation }))
    }

    fn new(id: RequestId, title: String) -> Self {
        Self { id, title, top: 0, consenting: None, is_sent: false, pane: OperationPane::default() }
    }

    fn status<'a>(&self, cx: &ViewContext<'a>) -> Option<&'a PlanStatus> {
        cx.snapshot.changes.plans.get(&self.id).map(AsRef::as_ref)
    }

    fn ready<'a>(&self, cx: &ViewContext<'a>) -> Option<&'a ReadyPlan> {
        match self.status(cx) {
            Some(PlanStatus::Ready(ready)) => Some(ready),
            Some(PlanStatus::Making | PlanStatus::Refused(_) | PlanStatus::Running(_)) | None => None,
        }
    }

    fn operation<'a>(&self, cx: &ViewContext<'a>) -> Option<&'a OperationStatus> {
        match self.status(cx) {
            Some(PlanStatus::Running(id)) => operation::find(id.as_str(), cx.snapshot),
            Some(PlanStatus::Making | PlanStatus::Refused(_) | PlanStatus::Ready(_)) | None => None,
        }
    }

    /// Returns true if the plan can be agreed to.
    fn can_agree(&self, cx: &ViewContext<'_>) -> bool {
        let can = |ready: &ReadyPlan| {
            ready.plan.changed().next().is_some() && !matches!(ready.consent, Consent::Refused { .. })
        };
        !self.is_sent && self.ready(cx).is_some_and(can)
    }

    /// Agrees to the plan, or begins to ask for the names that it needs.
    fn agree(&mut self, cx: &ViewContext<'_>) -> Reply {
        let Some(ready) = self.ready(cx).filter(|_| self.can_agree(cx)) else { return Reply::stay() };
        let prompts = match &ready.consent {
            Consent::Ask(prompts) => prompts.as_slice(),
            Consent::Given | Consent::Refused { .. } => &[],
        };
        let consenting = Consenting::new(prompts);
        if let Some(given) = consenting.given() {
            return self.run(ready, given);
        }
        self.consenting = Some(consenting);
        self.top = usize::MAX;
        Reply::stay()
    }

    fn run(&mut self, ready: &ReadyPlan, given: Given) -> Reply {
        self.is_sent = true;
        self.consenting = None;
        let digest = ready.plan.digest.clone();
        Reply::send([Request::Change(ChangeRequest::Run { id: self.id, digest, given })])
    }

    /// Types a name that the plan asks for.
    fn type_name(&mut self, input: Input, cx: &ViewContext<'_>) -> Reply {
        let Some(consenting) = &mut self.consenting else { return Reply::stay() };
        match input.action {
            Some(Action::BACK) => self.consenting = None,
            Some(Action::ACCEPT) => {
                if let (Some(given), Some(ready)) = (consenting.accept(), self.ready(cx)) {
                    return self.run(ready, given);
                }
            }
            _ if consenting.key(input.key) => {}
            Some(action) => self.scroll(action, cx),
            None => {}
        }
        Reply::stay()
    }

    fn scroll(&mut self, action: Action, cx: &ViewContext<'_>) {
        let lines = self.lines(cx).len();
        let rows = usize::from(self.places(cx).body.height).max(1);
        let tops = lines.saturating_sub(rows) + 1;
        self.top = moved(self.top.min(tops - 1), action, tops, rows).unwrap_or(self.top);
    }

    /// The plan, wrapped to the width of the screen.
    fn lines(&self, cx: &ViewContext<'_>) -> Vec<Piece> {
        let columns = usize::from(inner(cx.area).width);
        self.ready(cx).map(|ready| text::plan(ready, columns)).unwrap_or_default()
    }

    /// The question below the plan, or what goes on.
    fn foot(&self, cx: &ViewContext<'_>) -> Vec<Piece> {
        if self.is_sent {
            return vec![("Starting: everything is checked once more.".to_owned(), Role::Progressing)];
        }
        match (self.ready(cx), &self.consenting) {
            (Some(_), Some(consenting)) => consenting.lines(),
            (Some(ready), None) => text::question(ready),
            (None, _) => Vec::new(),
        }
    }

    fn places(&self, cx: &ViewContext<'_>) -> Places {
        let area = cx.area;
        let columns = usize::from(inner(area).width);
        let foot = text::wrapped(&self.foot(cx), columns).len();
        let foot = u16::try_from(foot).unwrap_or(u16::MAX).min(area.height.saturating_sub(2));
        let head = area.height.min(1);
        let gap = u16::from(area.height > foot + head + 2);
        let body = area.height.saturating_sub(head + foot + gap);
        Places {
            head: Rect { height: head, ..area },
            body: inner(Rect { y: area.y + head, height: body, ..area }),
            foot: inner(Rect { y: area.bottom() - foot, height: foot, ..area }),
        }
    }

    fn draw_plan(&self, buffer: &mut Buffer, cx: &ViewContext<'_>) {
        let Places { head, body, foot } = self.places(cx);
        let title = [(" plan  ".to_owned(), Role::Title), (self.title.clone(), Role::Strong)];
        write(head, buffer, cx.theme, (0, usize::from(head.width)), &title);
        let lines = self.lines(cx);
        let top = self.top.min(lines.len().saturating_sub(usize::from(body.height)));
        for (line, y) in lines.iter().skip(top).zip(body.top()..body.bottom()) {
            let row = Rect { y, height: 1, ..body };
            write(row, buffer, cx.theme, (0, usize::from(body.width)), std::slice::from_ref(line));
        }
        let said = match self.status(cx) {
            None | Some(PlanStatus::Making) if self.is_sent => Vec::new(),
            None | Some(PlanStatus::Making) => {
                vec![(
                    "Planning: objects, rights and admission are checked in each cluster.".to_owned(),
                    Role::Progressing,
                )]
            }
            Some(PlanStatus::Refused(why)) => {
                vec![(format!("✗ {why}"), Role::Failed), ("esc closes.".to_owned(), Role::Dim)]
            }
            Some(PlanStatus::Running(id)) => vec![(format!("Starting {id}."), Role::Progressing)],
            Some(PlanStatus::Ready(_)) => Vec::new(),
        };
        say(body, buffer, &said, cx.theme);
        let below = text::wrapped(&self.foot(cx), usize::from(foot.width));
        for (line, y) in below.iter().zip(foot.top()..foot.bottom()) {
            let row = Rect { y, height: 1, ..foot };
            write(row, buffer, cx.theme, (0, usize::from(foot.width)), std::slice::from_ref(line));
        }
    }
}

struct Places {
    head: Rect,
    body: Rect,
    foot: Rect,
}

impl View for PlanView {
    fn spec(&self) -> &'static ViewSpec {
        if self.consenting.is_some() { &TYPED } else { &SPEC }
    }

    fn update(&mut self, input: Input, cx: &ViewContext<'_>) -> Reply {
        if self.consenting.is_some() {
            return self.type_name(input, cx);
        }
        let Some(action) = input.action else { return Reply::stay() };
        if let Some(operation) = self.operation(cx) {
            return self.pane.act(action, operation, cx);
        }
        match action {
            Action::BACK => Reply::close(),
            keys::AGREE => self.agree(cx),
            keys::CANCEL | keys::RESUME | Action::FILTER => Reply::stay(),
            Action::COMMAND | Action::PALETTE | Action::HELP | Action::SAVE => Reply::pass(),
            action => {
                self.scroll(action, cx);
                Reply::stay()
            }
        }
    }

    fn paste(&mut self, text: &str) -> bool {
        self.consenting.as_mut().map(|consenting| consenting.paste(text)).is_some()
    }

    fn filter(&self) -> Option<FilterLine<'_>> {
        Some(self.pane.filter())
    }

    fn set_filter(&mut self, text: &str) {
        self.pane.set_filter(text);
    }

    /// A plan that changed under a consent is asked for again.
    fn feed(&mut self, snapshot: &crate::protocol::Snapshot) {
        match snapshot.changes.plans.get(&self.id).map(AsRef::as_ref) {
            Some(PlanStatus::Ready(_)) => {}
            Some(PlanStatus::Refused(_) | PlanStatus::Running(_)) => {
                self.consenting = None;
                self.is_sent = false;
            }
            Some(PlanStatus::Making) | None => self.consenting = None,
        }
    }

    fn unavailable(&self, cx: &ViewContext<'_>) -> Vec<Action> {
        let operation = self.operation(cx);
        let mut actions = operation::unavailable(operation);
        if !self.can_agree(cx) {
            actions.push(keys::AGREE);
        }
        if operation.is_none() {
            actions.push(Action::FILTER);
        }
        actions
    }

    fn on_rejected(&mut self, request: &Request) -> Keep {
        let Request::Change(request) = request else { return Keep::Open };
        match request {
            ChangeRequest::Run { id, .. } if *id == self.id => {
                self.is_sent = false;
                Keep::Open
            }
            ChangeRequest::Plan { id, .. } | ChangeRequest::Resume { id, .. } => Keep::unless(*id == self.id),
            ChangeRequest::Run { .. }
            | ChangeRequest::Discard(_)
            | ChangeRequest::Cancel(_)
            | ChangeRequest::Watch(_)
            | ChangeRequest::Unwatch(_) => Keep::Open,
        }
    }

    fn on_close(&self) -> Vec<Request> {
        vec![Request::Change(ChangeRequest::Discard(self.id))]
    }

    fn draw(&self, buffer: &mut Buffer, cx: &ViewContext<'_>) {
        if let Some(operation) = self.operation(cx) {
            return self.pane.draw(operation, buffer, cx);
        }
        clear(buffer, cx.area.intersection(buffer.area));
        self.draw_plan(buffer, cx);
    }
}
