//! `:changes`: the changes of clusters that run, and those of the journal.

pub mod ask;
pub mod choice;
mod consent;
pub(in crate::views) mod keys;
pub mod leave;
pub mod line;
pub mod operation;
pub mod plan;
#[cfg(test)]
mod tests;
mod text;

use super::grid::{Grid, GridClick, GridColumn, GridLine, GridState, left, prose, right, rows_of};
use super::keymap::Action;
use super::msg::Effect;
use super::page::{inner, say};
use super::panel::clear;
use super::session::SavedState;
use super::theme::Role;
use super::view::{CommandSpec, FilterLine, Input, Keep, Opening, Reply, View, ViewContext, ViewSpec};
use crate::facts::change::{counted, counts};
use crate::model::cell::Cell;
use crate::model::change::OperationState;
use crate::model::cluster::ClusterName;
use crate::model::text::Text;
use crate::protocol::{ChangeRequest, OperationStatus, Request, RequestId};
use operation::{OperationView, state_role};
use ratatui::buffer::Buffer;
use ratatui::layout::{Position, Rect};
use std::sync::Arc;

const COLUMNS: &[GridColumn] = &[
    left("STATE", 0, 11, 11),
    left("CHANGE", 0, 7, 15),
    prose("TARGETS", 2, 12, 28),
    left("CLUSTERS", 3, 8, 16),
    right("AGE", 1, 4),
    left("BY", 5, 8, 22),
    left("ID", 4, 22, 22),
];

/// Returns true if a process works on the operation.
pub(super) fn is_running(operation: &OperationStatus) -> bool {
    operation.state == OperationState::Running
}

/// The view.
#[derive(Debug)]
pub struct ChangesView {
    /// Under which the engine keeps the operations of the journal in the snapshot.
    watch: RequestId,
    grid: GridState,
}

/// The view's line in the registry.
pub static SPEC: ViewSpec = ViewSpec {
    name: "changes",
    context: &keys::CHANGES,
    command: Some(CommandSpec {
        names: &["changes", "plans", "journal"],
        usage: "changes",
        help: "Show the changes that run, and those of the journal",
    }),
    open: Some(open),
    ..ViewSpec::PAGE
};

/// Opens the view. Fails if words follow the command.
fn open(opening: &mut Opening<'_>) -> Result<Box<dyn View>, String> {
    if !opening.words.is_empty() {
        return Err("type :changes; :change VERB changes the row or the marked rows".to_owned());
    }
    let watch = opening.ids.fresh();
    let mut grid = GridState::default();
    grid.restore(SPEC.name, opening.saved);
    opening.effects.push(Effect::Send(Request::Change(ChangeRequest::Watch(watch))));
    Ok(Box::new(ChangesView { watch, grid }))
}

impl ChangesView {
    /// The operations, filtered and sorted: those that run first, then the newest.
    fn grid(&self, cx: &ViewContext<'_>) -> Grid {
        let all = &cx.snapshot.changes.operations;
        let (running, past): (Vec<_>, Vec<_>) = all.iter().partition(|operation| is_running(operation));
        let groups = running.into_iter().chain(past).map(|operation| vec![line(operation)]).collect();
        self.grid.applied(Grid { columns: COLUMNS, groups }, cx.now)
    }

    /// The operation under the cursor.
    fn selected<'a>(&self, cx: &ViewContext<'a>) -> Option<&'a OperationStatus> {
        let grid = self.grid(cx);
        operation::find(&grid.line(self.grid.at(&grid))?.id, cx.snapshot)
    }

    fn open_selected(&self, cx: &ViewContext<'_>) -> Reply {
        self.selected(cx).map_or_else(Reply::stay, |operation| Reply::over(OperationView::new(operation.id.clone())))
    }
}

fn line(operation: &OperationStatus) -> GridLine {
    let mut clusters: Vec<&ClusterName> = operation.targets.iter().map(|(key, ..)| &key.cluster).collect();
    clusters.dedup();
    let place = match clusters.as_slice() {
        [] => String::new(),
        [one] => one.to_string(),
        many => counted(many.len(), "cluster"),
    };
    let state = match &operation.stopping {
        Some(_) if is_running(operation) => "stopping",
        Some(_) | None => operation.state.word(),
    };
    let verb = operation.verb.map_or("unknown", |verb| verb.spec().name);
    let states = counts(operation.targets.iter().map(|(_, state, _)| *state));
    let cells = vec![
        (Cell::text(state), state_role(operation.state)),
        (Cell::text(verb), Role::Strong),
        (Cell::text(&states), Role::Text),
        (Cell::text(&place), Role::Text),
        (Cell::Since(operation.at), Role::Dim),
        (Cell::text(&operation.actor), Role::Dim),
        (Cell::text(operation.id.as_str()), Role::Dim),
    ];
    let cluster = clusters.first().map_or("", |name| name.as_str());
    GridLine::new(Text::new(operation.id.as_str()), (cluster, operation.id.as_str()), cells)
}

/// The title and the table below it.
fn places(area: Rect) -> (Rect, Rect) {
    let height = area.height.min(1);
    let table = Rect { y: area.y + height, height: area.height - height, ..area };
    (Rect { height, ..area }, table)
}

impl View for ChangesView {
    fn spec(&self) -> &'static ViewSpec {
        &SPEC
    }

    fn update(&mut self, input: Input, cx: &ViewContext<'_>) -> Reply {
        let Some(action) = input.action else { return Reply::stay() };
        match action {
            Action::BACK if self.grid.clear_filter() => Reply::stay(),
            Action::BACK => Reply::close(),
            Action::OPEN => self.open_selected(cx),
            keys::CANCEL => self.selected(cx).map_or_else(Reply::stay, operation::cancel),
            keys::RESUME => self.selected(cx).map_or_else(Reply::stay, |selected| operation::resume(selected, cx)),
            action => {
                let grid = self.grid(cx);
                Reply::known(self.grid.step(action, &grid, rows_of(places(cx.area).1)))
            }
        }
    }

    /// A click on a heading sorts, one on a line selects it, a second one opens it.
    fn click(&mut self, at: Position, cx: &ViewContext<'_>) -> Option<Reply> {
        let grid = self.grid(cx);
        Some(match self.grid.click(at, places(cx.area).1, &grid, cx.now)? {
            GridClick::Opens => self.open_selected(cx),
            GridClick::Moved => Reply::stay(),
        })
    }

    fn filter(&self) -> Option<FilterLine<'_>> {
        Some(self.grid.filter_line())
    }

    fn set_filter(&mut self, text: &str) {
        self.grid.set_filter(text);
    }

    fn unavailable(&self, cx: &ViewContext<'_>) -> Vec<Action> {
        let selected = self.selected(cx);
        let mut actions = operation::unavailable(selected);
        if selected.is_none() {
            actions.push(Action::OPEN);
        }
        if cx.snapshot.changes.operations.is_empty() {
            actions.push(Action::FILTER);
        }
        actions
    }

    fn on_rejected(&mut self, request: &Request) -> Keep {
        Keep::unless(matches!(request, Request::Change(ChangeRequest::Watch(id)) if *id == self.watch))
    }

    fn on_close(&self) -> Vec<Request> {
        vec![Request::Change(ChangeRequest::Unwatch(self.watch))]
    }

    fn saved(&self) -> SavedState {
        let mut saved = SavedState::new();
        self.grid.save(SPEC.name, &mut saved);
        saved
    }

    fn draw(&self, buffer: &mut Buffer, cx: &ViewContext<'_>) {
        let area = cx.area.intersection(buffer.area);
        clear(buffer, area);
        let (head, table) = places(area);
        let operations = &cx.snapshot.changes.operations;
        let running = operations.iter().filter(|operation| is_running(operation)).count();
        let is_resumable = |operation: &&Arc<OperationStatus>| operation::can_resume(operation);
        let interrupted = operations.iter().filter(is_resumable).count();
        let title = [
            (format!(" {}", counted(operations.len(), "change")), Role::Strong),
            (if running > 0 { format!(" · {running} running") } else { String::new() }, Role::Progressing),
            (if interrupted > 0 { format!(" · {interrupted} interrupted") } else { String::new() }, Role::Degraded),
        ];
        super::header::write(head, buffer, cx.theme, (0, usize::from(head.width)), &title);
        let grid = self.grid(cx);
        self.grid.draw(&grid, table, buffer, cx);
        if grid.is_empty() && table.height > 2 {
            let lines: &[&str] = if operations.is_empty() {
                &["No changes yet.", "In a table, ctrl-d deletes, r restarts and s scales; :change has all verbs."]
            } else {
                &["No change passes the filter.", "esc clears the filter."]
            };
            let lines: Vec<(String, Role)> = lines.iter().map(|text| ((*text).to_owned(), Role::Dim)).collect();
            let below = Rect { y: table.y + 2, height: table.height - 2, ..table };
            say(inner(below), buffer, &lines, cx.theme);
        }
    }
}
