//! An operation: its progress, its targets and the reason for the state of each.

use super::keys;
use super::plan::PlanView;
use crate::facts::change::counts;
use crate::model::cell::Cell;
use crate::model::change::{OperationId, OperationState, TargetKey, TargetState};
use crate::model::text::Text;
use crate::model::time::human;
use crate::protocol::{ChangeRequest, OperationStatus, Request, Snapshot};
use crate::views::grid::{Grid, GridColumn, GridLine, GridState, left, prose, rows_of};
use crate::views::header::{Piece, wrapped, write};
use crate::views::keymap::Action;
use crate::views::msg::Effect;
use crate::views::page::{inner, say};
use crate::views::panel::clear;
use crate::views::theme::Role;
use crate::views::view::{FilterLine, Input, Reply, View, ViewContext, ViewSpec};
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use std::sync::Arc;

const COLUMNS: &[GridColumn] = &[
    left("STATE", 0, 8, 10),
    left("CLUSTER", 1, 8, 14),
    left("NAMESPACE", 4, 8, 12),
    left("OBJECT", 2, 14, 28),
    prose("DETAIL", 3, 16, 40),
];

/// Lines of the head at most: the title, the numbers, the next step.
const HEAD_LINES_MAX: usize = 6;

/// Returns the look of an operation's state.
pub(super) fn state_role(state: OperationState) -> Role {
    match state {
        OperationState::Running => Role::Progressing,
        OperationState::Interrupted | OperationState::Partial => Role::Degraded,
        OperationState::Done => Role::Healthy,
        OperationState::Failed => Role::Failed,
    }
}

fn target_look(state: TargetState) -> (&'static str, Role) {
    match state {
        TargetState::Pending => ("·", Role::Dim),
        TargetState::Asked | TargetState::Settling => ("◌", Role::Progressing),
        TargetState::Done => ("●", Role::Healthy),
        TargetState::Skipped => ("○", Role::Dim),
        TargetState::Refused => ("⊘", Role::Degraded),
        TargetState::Failed => ("✗", Role::Failed),
        TargetState::Unknown => ("?", Role::Unknown),
    }
}

/// Returns the operation with this id.
pub(super) fn find<'a>(id: &str, snapshot: &'a Snapshot) -> Option<&'a OperationStatus> {
    snapshot.changes.operations.iter().find(|operation| operation.id.as_str() == id).map(Arc::as_ref)
}

/// The targets of an operation as a list with a cursor and a filter, below what is said of the whole.
#[derive(Debug, Default)]
pub(super) struct OperationPane {
    grid: GridState,
}

impl OperationPane {
    fn grid(&self, operation: &OperationStatus, cx: &ViewContext<'_>) -> Grid {
        let line = |(key, state, detail): &(TargetKey, TargetState, Text)| {
            let (glyph, role) = target_look(*state);
            let object = key.object();
            let object = object.split(" -n ").next().unwrap_or_default();
            let cells = vec![
                (Cell::text(&format!("{glyph} {}", state.word())), role),
                (Cell::text(key.cluster.as_str()), Role::Text),
                (Cell::text(&key.namespace), Role::Dim),
                (Cell::text(object), Role::Strong),
                (Cell::text(detail), Role::Dim),
            ];
            vec![GridLine::new(Text::from(key.to_string()), (key.cluster.as_str(), &key.name), cells)]
        };
        let groups = operation.targets.iter().map(line).collect();
        self.grid.applied(Grid { columns: COLUMNS, groups }, cx.now)
    }

    /// Does what a key means for an operation; passes on what means nothing here.
    pub(super) fn act(&mut self, action: Action, operation: &OperationStatus, cx: &ViewContext<'_>) -> Reply {
        match action {
            Action::BACK if self.grid.clear_filter() => Reply::stay(),
            Action::BACK => Reply::close(),
            keys::CANCEL => cancel(operation),
            keys::RESUME => resume(operation, cx),
            action => {
                let grid = self.grid(operation, cx);
                let rows = rows_of(places(operation, cx).table);
                Reply::known(self.grid.step(action, &grid, rows))
            }
        }
    }

    pub(super) fn filter(&self) -> FilterLine<'_> {
        self.grid.filter_line()
    }

    pub(super) fn set_filter(&mut self, text: &str) {
        self.grid.set_filter(text);
    }

    pub(super) fn draw(&self, operation: &OperationStatus, buffer: &mut Buffer, cx: &ViewContext<'_>) {
        let area = cx.area.intersection(buffer.area);
        clear(buffer, area);
        let Places { head, table } = places(operation, cx);
        for (line, y) in head_lines(operation, cx).iter().zip(head.top()..head.bottom()) {
            write(Rect { y, height: 1, ..head }, buffer, cx.theme, (0, usize::from(head.width)), line);
        }
        if table.height == 0 {
            return;
        }
        let grid = self.grid(operation, cx);
        self.grid.draw(&grid, table, buffer, cx);
    }
}

/// Begins nothing new in an operation of this engine; does nothing for all others.
pub(super) fn cancel(operation: &OperationStatus) -> Reply {
    if !can_cancel(operation) {
        return Reply::stay();
    }
    Reply::send([Request::Change(ChangeRequest::Cancel(operation.id.clone()))])
}

/// Plans the rest of an interrupted operation; does nothing for all others.
pub(super) fn resume(operation: &OperationStatus, cx: &ViewContext<'_>) -> Reply {
    if !can_resume(operation) {
        return Reply::stay();
    }
    let (plan, request) = PlanView::resume(operation.id.clone(), cx.ids);
    Reply { effects: vec![Effect::Send(request)], ..Reply::over(plan) }
}

pub(super) fn can_cancel(operation: &OperationStatus) -> bool {
    operation.own && super::is_running(operation) && operation.stopping.is_none()
}

pub(super) fn can_resume(operation: &OperationStatus) -> bool {
    operation.state == OperationState::Interrupted
}

/// Returns the actions that an operation does not take now; all of them without one.
pub(super) fn unavailable(operation: Option<&OperationStatus>) -> Vec<Action> {
    let mut actions = Vec::new();
    if !operation.is_some_and(can_cancel) {
        actions.push(keys::CANCEL);
    }
    if !operation.is_some_and(can_resume) {
        actions.push(keys::RESUME);
    }
    actions
}

struct Places {
    head: Rect,
    table: Rect,
}

fn places(operation: &OperationStatus, cx: &ViewContext<'_>) -> Places {
    let wanted = u16::try_from(head_lines(operation, cx).len() + 1).unwrap_or(u16::MAX);
    let height = wanted.min(cx.area.height / 2).max(1).min(cx.area.height);
    let head = Rect { height, ..cx.area };
    Places { head, table: Rect { y: cx.area.y + height, height: cx.area.height - height, ..cx.area } }
}

/// Returns what is said above the targets: the title, the numbers, what goes on, the next step.
fn head_lines(operation: &OperationStatus, cx: &ViewContext<'_>) -> Vec<Vec<Piece>> {
    let verb = operation.verb.map_or("change", |verb| verb.spec().name);
    let title = vec![
        (format!(" {verb} "), Role::Title),
        (operation.id.to_string(), Role::Strong),
        ("  ".to_owned(), Role::Text),
        (operation.state.word().to_owned(), state_role(operation.state)),
    ];
    let states = counts(operation.targets.iter().map(|(_, state, _)| *state));
    let wave = match operation.wave {
        (0, _) | (_, 0) => String::new(),
        (at, of) => format!(" · wave {at} of {of}"),
    };
    let age = human(cx.now.since(operation.at));
    let facts = format!(" {states}{wave} · began {age} ago · by {}", operation.actor);
    let columns = usize::from(cx.area.width);
    let mut lines = vec![title];
    lines.extend(wrapped(&[(facts, Role::Dim)], columns, 2));
    if let Some(why) = &operation.stopping {
        let text = format!(" stopping: {why}; what is under way is waited for");
        lines.extend(wrapped(&[(text, Role::Warning)], columns, 2));
    }
    if let Some(next) = next_step(operation) {
        lines.extend(wrapped(&[(format!(" {next}"), Role::Text)], columns, 2));
    }
    lines.truncate(HEAD_LINES_MAX);
    lines
}

/// Returns what can be done about an operation, where there is something.
fn next_step(operation: &OperationStatus) -> Option<String> {
    match operation.state {
        OperationState::Running if !operation.own => {
            Some("another process runs it; ctrl-c there begins nothing new".to_owned())
        }
        OperationState::Interrupted => Some(format!("r plans the rest, as does: qd plan resume {}", operation.id)),
        OperationState::Running | OperationState::Done | OperationState::Partial | OperationState::Failed => None,
    }
}

/// An operation over the list it was opened from.
#[derive(Debug)]
pub struct OperationView {
    id: OperationId,
    pane: OperationPane,
}

/// The view's line in the registry.
pub static SPEC: ViewSpec =
    ViewSpec { name: "operation", context: &keys::PLAN, layer: crate::views::view::Layer::Cover, ..ViewSpec::PANEL };

impl OperationView {
    /// Shows the operation with this id.
    pub fn new(id: OperationId) -> Self {
        Self { id, pane: OperationPane::default() }
    }
}

impl View for OperationView {
    fn spec(&self) -> &'static ViewSpec {
        &SPEC
    }

    fn update(&mut self, input: Input, cx: &ViewContext<'_>) -> Reply {
        let Some(action) = input.action else { return Reply::stay() };
        match find(self.id.as_str(), cx.snapshot) {
            Some(operation) => self.pane.act(action, operation, cx),
            None if action == Action::BACK => Reply::close(),
            None => Reply::pass(),
        }
    }

    fn filter(&self) -> Option<FilterLine<'_>> {
        Some(self.pane.filter())
    }

    fn set_filter(&mut self, text: &str) {
        self.pane.set_filter(text);
    }

    fn unavailable(&self, cx: &ViewContext<'_>) -> Vec<Action> {
        let mut actions = unavailable(find(self.id.as_str(), cx.snapshot));
        actions.push(keys::AGREE);
        actions
    }

    fn draw(&self, buffer: &mut Buffer, cx: &ViewContext<'_>) {
        if let Some(operation) = find(self.id.as_str(), cx.snapshot) {
            return self.pane.draw(operation, buffer, cx);
        }
        let area = cx.area.intersection(buffer.area);
        clear(buffer, area);
        let gone = format!("{} is no longer in the journal's last operations: qd journal shows it", self.id);
        say(inner(area), buffer, &[(gone, Role::Dim)], cx.theme);
    }
}
