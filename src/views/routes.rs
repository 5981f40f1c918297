//! `:routes`: the routing proxy live: rules, clusters, the last requests, and what the lint found.

mod confirm;
mod details;
mod head;
mod lines;
mod tester;
#[cfg(test)]
mod tests;

pub use confirm::Confirm;
pub use tester::Tester;

use crate::protocol::ProxyRequest;
use super::filter::Filter;
use super::grid::{Grid, GridWindow};
use super::keymap::Action;
use super::overlay::{Overlay, Reply, ViewContext};
use super::page::{Scene, fresh};
use super::table::TableStyles;
use super::theme::Role;
use crate::model::cluster::{Access, ClusterName};
use crate::model::proxy::{Fence, Routes, UpstreamFacts};
use crate::model::text::Text;
use crate::model::time::UnixSeconds;
use crate::protocol::{ProxyLink, Request, RequestId, Snapshot};
use crate::views::msg::Effect;
use crate::views::panel::clear;
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use std::sync::Arc;

/// One part of the view.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Section {
    Rules,
    Clusters,
    Tail,
    Findings,
}

/// All sections in the order of their digits, with their titles.
pub const SECTIONS: &[(Section, &str)] = &[
    (Section::Rules, "Rules"),
    (Section::Clusters, "Clusters"),
    (Section::Tail, "Requests"),
    (Section::Findings, "Findings"),
];

/// Where one is in a section.
#[derive(Debug, Clone, Default)]
struct Pane {
    at: usize,
    /// The line the cursor is on: it stays there when lines come and go.
    id: Text,
    top: usize,
    /// A column, and whether the largest comes first.
    sort: Option<(usize, bool)>,
    filter: Filter,
    /// What is wrong with the filter as typed; the last good one stays.
    mistake: Option<String>,
}

/// The view.
#[derive(Debug)]
pub struct RoutesView {
    /// Under which the engine keeps the picture current.
    watch: RequestId,
    section: Section,
    panes: [Pane; SECTIONS.len()],
    /// The tail as it was when it was paused.
    held: Option<Arc<Routes>>,
    /// The cursor stays at the newest request.
    follows: bool,
    utc_offset_s: i64,
}

impl RoutesView {
    /// Opens it; the requests ask the engine for the picture.
    pub fn open(utc_offset_s: i64, next: &mut u64) -> (Self, Vec<Request>) {
        let watch = fresh(next);
        let view =
            Self { watch, section: Section::Rules, panes: Default::default(), held: None, follows: true, utc_offset_s };
        (view, vec![Request::Proxy(ProxyRequest::Watch(watch))])
    }

    /// Says whether it was this that was asked in vain.
    pub fn misses(&self, request: &Request) -> bool {
        matches!(request, Request::Proxy(ProxyRequest::Watch(id)) if *id == self.watch)
    }

    /// What the engine must be told when it is gone.
    pub fn close(&self) -> Vec<Request> {
        vec![Request::Proxy(ProxyRequest::Unwatch(self.watch))]
    }

    /// Which section is shown.
    pub fn section(&self) -> Section {
        self.section
    }

    fn pane(&self) -> Option<&Pane> {
        self.panes.get(self.section as usize)
    }

    fn pane_mut(&mut self) -> Option<&mut Pane> {
        self.panes.get_mut(self.section as usize)
    }

    /// What the shown section is made of: the paused tail, else the newest picture.
    fn source(&self, snapshot: &Snapshot) -> Option<Arc<Routes>> {
        let held = self.held.as_ref().filter(|_| self.section == Section::Tail);
        held.or(snapshot.proxy.routes.as_ref()).map(Arc::clone)
    }

    /// The shown section, filtered and sorted.
    fn grid(&self, snapshot: &Snapshot, now: UnixSeconds) -> Option<Grid> {
        let (routes, pane) = (self.source(snapshot)?, self.pane()?);
        let grid = match self.section {
            Section::Rules => lines::rules(&routes),
            Section::Clusters => lines::clusters(&routes),
            Section::Tail => lines::tail(&routes, self.utc_offset_s),
            Section::Findings => lines::findings(&routes),
        };
        Some(grid.filtered(&pane.filter, now).sorted(pane.sort, now))
    }

    /// The cursor's line: where its identity is now, else where it was.
    fn at(&self, grid: &Grid) -> usize {
        let last = grid.len().saturating_sub(1);
        if self.section == Section::Tail && self.follows {
            return last;
        }
        let Some(pane) = self.pane() else { return 0 };
        grid.find(&pane.id).unwrap_or(pane.at).min(last)
    }

    /// The cluster the cursor is on, in the clusters.
    fn cluster<'a>(&self, snapshot: &'a Snapshot, now: UnixSeconds) -> Option<&'a UpstreamFacts> {
        if self.section != Section::Clusters {
            return None;
        }
        let grid = self.grid(snapshot, now)?;
        let name = grid.line(self.at(&grid))?.row.cluster.clone();
        snapshot.proxy.routes.as_ref()?.clusters.iter().find(|cluster| cluster.name == name.as_str())
    }

    /// Says whether a key does something now; no other is offered.
    #[expect(clippy::wildcard_enum_match_arm, reason = "moves and the like work always")]
    pub fn offers(&self, action: Action, snapshot: &Snapshot, now: UnixSeconds) -> bool {
        let attached = matches!(snapshot.proxy.link, ProxyLink::Attached(_));
        let own = matches!(&snapshot.proxy.link, ProxyLink::Attached(at) if at.own);
        let fence = || self.cluster(snapshot, now).filter(|_| attached).map(|cluster| cluster.fence);
        match action {
            Action::StartProxy => {
                snapshot.proxy.can_start && matches!(snapshot.proxy.link, ProxyLink::None | ProxyLink::Lost { .. })
            }
            Action::StopProxy | Action::KeepProxy => own,
            Action::TestRoute | Action::Reload => attached,
            Action::Drain | Action::Fence => fence().is_some(),
            Action::Unfence => fence().is_some_and(|fence| fence != Fence::Open),
            Action::Freeze => self.section == Section::Tail && snapshot.proxy.routes.is_some(),
            Action::NextSection | Action::PreviousSection | Action::Section(_) | Action::Filter => {
                snapshot.proxy.routes.is_some()
            }
            Action::Open => self.grid(snapshot, now).is_some_and(|grid| !grid.is_empty()),
            _ => true,
        }
    }

    /// Does what the key means; passes on what is not its own.
    #[expect(clippy::wildcard_enum_match_arm, reason = "a view takes the actions it knows and leaves the others")]
    pub fn on(&mut self, action: Action, around: &ViewContext<'_>, next: &mut u64) -> Reply {
        if !self.offers(action, around.snapshot, around.now) {
            return Reply::stay();
        }
        match action {
            Action::Back if self.clear_filter() => Reply::stay(),
            Action::Back => Reply::close(),
            Action::NextSection => self.turn(1),
            Action::PreviousSection => self.turn(SECTIONS.len() - 1),
            Action::Section(nth) => self.show_section(usize::from(nth).saturating_sub(1)),
            Action::Freeze => self.pause(around.snapshot),
            Action::Open => self.open_line(around),
            Action::StartProxy => send(Request::Proxy(ProxyRequest::Start)),
            Action::KeepProxy => match &around.snapshot.proxy.link {
                ProxyLink::Attached(at) => send(Request::Proxy(ProxyRequest::Keep(!at.kept))),
                _ => Reply::stay(),
            },
            Action::StopProxy => {
                Reply::over(Overlay::Confirm(Box::new(Confirm::stop(around.snapshot.proxy.routes.as_deref()))))
            }
            Action::Reload => send(Request::Proxy(ProxyRequest::Reload(fresh(next)))),
            Action::TestRoute => Reply::over(Overlay::Tester(Box::new(Tester::new(fresh(next))))),
            Action::Drain => self.fence(Fence::Draining, around, next),
            Action::Fence => self.fence(Fence::Fenced, around, next),
            Action::Unfence => self.fence(Fence::Open, around, next),
            _ if self.step(action, around) => Reply::stay(),
            _ => Reply::pass(),
        }
    }

    fn turn(&mut self, by: usize) -> Reply {
        self.show_section((self.section as usize + by) % SECTIONS.len())
    }

    fn show_section(&mut self, nth: usize) -> Reply {
        if let Some((section, _)) = SECTIONS.get(nth) {
            self.section = *section;
        }
        Reply::stay()
    }

    /// Holds the tail as it is, or lets it run again.
    fn pause(&mut self, snapshot: &Snapshot) -> Reply {
        self.held = match self.held.take() {
            Some(_) => None,
            None => snapshot.proxy.routes.clone(),
        };
        Reply::stay()
    }

    /// Opens a fenced cluster at once, as opening harms nothing; all else is confirmed. The key that set a fence
    /// takes it away.
    fn fence(&self, wanted: Fence, around: &ViewContext<'_>, next: &mut u64) -> Reply {
        let Some(cluster) = self.cluster(around.snapshot, around.now) else { return Reply::stay() };
        let name = cluster.name.clone();
        if wanted == Fence::Open || wanted == cluster.fence {
            return send(Request::Proxy(ProxyRequest::SetTraffic { id: fresh(next), cluster: name, state: Fence::Open }));
        }
        let entry = around.snapshot.clusters.get(&ClusterName::new(&name)).map(|known| &known.entry);
        let is_protected = entry.is_some_and(|entry| entry.access == Access::Protected);
        let confirm = Confirm::fence(cluster, wanted, is_protected, fresh(next));
        Reply::over(Overlay::Confirm(Box::new(confirm)))
    }

    fn open_line(&self, around: &ViewContext<'_>) -> Reply {
        let (Some(grid), Some(routes)) = (self.grid(around.snapshot, around.now), self.source(around.snapshot)) else {
            return Reply::stay();
        };
        let Some(line) = grid.line(self.at(&grid)) else { return Reply::stay() };
        Reply::over(Overlay::Chooser(details::of(self.section, line, &routes, around.now)))
    }

    /// Moves over the lines; says whether it was a move.
    #[expect(clippy::wildcard_enum_match_arm, reason = "a list knows moves only")]
    fn step(&mut self, action: Action, around: &ViewContext<'_>) -> bool {
        let rows = usize::from(head::places(around.area, around.snapshot).table.height.saturating_sub(1)).max(1);
        let grid = self.grid(around.snapshot, around.now);
        let last = grid.as_ref().map_or(0, Grid::len).saturating_sub(1);
        let now_at = grid.as_ref().map_or(0, |grid| self.at(grid));
        let at = match action {
            Action::Up => now_at.saturating_sub(1),
            Action::Down => now_at + 1,
            Action::PageUp => now_at.saturating_sub(rows),
            Action::PageDown => now_at + rows,
            Action::Top => 0,
            Action::Bottom => last,
            _ => return false,
        };
        self.go_to(at.min(last), grid.as_ref(), rows);
        true
    }

    fn go_to(&mut self, at: usize, grid: Option<&Grid>, rows: usize) {
        let id = grid.and_then(|grid| grid.line(at)).map(|line| line.id.clone()).unwrap_or_default();
        let last = grid.map_or(0, Grid::len).saturating_sub(1);
        let is_tail = self.section == Section::Tail;
        if let Some(pane) = self.pane_mut() {
            pane.top = first(pane.top, at, rows);
            (pane.at, pane.id) = (at, id);
        }
        if is_tail {
            self.follows = at == last;
        }
    }

    /// Filters the shown section; a mistake is said and the last good filter stays.
    pub fn set_filter(&mut self, text: &str) {
        let Some(pane) = self.pane_mut() else { return };
        match Filter::parse(text) {
            Ok(filter) => (pane.filter, pane.mistake) = (filter, None),
            Err(why) => pane.mistake = Some(why),
        }
    }

    /// Says whether the filter as typed has a mistake.
    pub fn has_mistake(&self) -> bool {
        self.pane().is_some_and(|pane| pane.mistake.is_some())
    }

    /// The filter that the lines of the shown section passed.
    pub fn filter(&self) -> &str {
        self.pane().map_or("", |pane| pane.filter.source())
    }

    fn clear_filter(&mut self) -> bool {
        let had = self.pane().is_some_and(|pane| !pane.filter.is_empty() || pane.mistake.is_some());
        if had {
            self.set_filter("");
        }
        had
    }

    /// A click: on a title it shows the section, on a heading it sorts, on a line it selects, again it opens.
    pub fn click(&mut self, (x, y): (u16, u16), around: &ViewContext<'_>) -> Reply {
        let places = head::places(around.area, around.snapshot);
        if y == places.sections.y && places.sections.height > 0 {
            let column = usize::from(x.saturating_sub(places.sections.x));
            return match head::section_at(around.snapshot, self.section, (column, usize::from(places.sections.width))) {
                Some(nth) => self.show_section(nth),
                None => Reply::stay(),
            };
        }
        let Some(grid) = self.grid(around.snapshot, around.now).filter(|_| places.table.contains((x, y).into())) else {
            return Reply::stay();
        };
        let row = usize::from(y - places.table.y);
        if row == 0 {
            self.sort_at(usize::from(x - places.table.x), &grid, places.table, around.now);
            return Reply::stay();
        }
        let rows = usize::from(places.table.height.saturating_sub(1)).max(1);
        let at = self.window(&grid, rows).1 + row - 1;
        if at >= grid.len() {
            return Reply::stay();
        }
        if at == self.at(&grid) {
            return self.open_line(around);
        }
        self.go_to(at, Some(&grid), rows);
        Reply::stay()
    }

    /// Sorts by the heading there; again turns it round, and a third time gives the proxy's own order back.
    fn sort_at(&mut self, column: usize, grid: &Grid, table: Rect, now: UnixSeconds) {
        let headings = grid.headings(usize::from(table.width), now);
        let Some(heading) = headings.iter().rev().find(|heading| heading.x <= column) else { return };
        let Some(place) = grid.specs.iter().position(|spec| spec.name == heading.text) else { return };
        if self.section == Section::Tail {
            return;
        }
        if let Some(pane) = self.pane_mut() {
            pane.sort = match pane.sort {
                Some((at, false)) if at == place => Some((place, true)),
                Some((at, true)) if at == place => None,
                _ => Some((place, false)),
            };
        }
    }

    /// The line under the cursor and the first that is shown.
    fn window(&self, grid: &Grid, rows: usize) -> (usize, usize) {
        let at = self.at(grid);
        let top = self.pane().map_or(0, |pane| pane.top).min(grid.len().saturating_sub(rows));
        (at, first(top, at, rows))
    }

    pub fn draw(&self, area: Rect, buffer: &mut Buffer, scene: &Scene<'_>) {
        let area = area.intersection(buffer.area);
        clear(buffer, area);
        self.draw_head(area, buffer, scene);
        let table = head::places(area, scene.snapshot).table;
        let Some(grid) = self.grid(scene.snapshot, scene.now).filter(|_| table.height > 0) else {
            return head::draw_without(table, buffer, scene);
        };
        let rows = usize::from(table.height.saturating_sub(1)).max(1);
        let (at, top) = self.window(&grid, rows);
        let Some(pane) = self.pane() else { return };
        let size = (usize::from(table.width), usize::from(table.height));
        let window = GridWindow { size, at, top, now: scene.now, filter: &pane.filter };
        let style = |role| scene.theme.style(role);
        let styles = TableStyles {
            heading: style(Role::Header),
            selected: style(Role::Cursor),
            marked: style(Role::Mark),
            found: style(Role::Match),
        };
        grid.model(&window, scene.theme).draw(table, buffer, &styles);
        if grid.is_empty() {
            self.draw_empty(table, buffer, scene);
        }
    }
}

/// The first line of a window so that the cursor is seen.
fn first(top: usize, at: usize, rows: usize) -> usize {
    top.clamp((at + 1).saturating_sub(rows), at)
}

fn send(request: Request) -> Reply {
    Reply { effects: vec![Effect::Send(request)], ..Reply::stay() }
}
