//! `:routes`: the routing proxy live: rules, clusters, the last requests, and what the lint found.

mod details;
mod head;
mod keys;
mod lines;
mod questions;
pub mod tester;
#[cfg(test)]
mod tests;

use self::tester::Tester;
use super::grid::{Grid, GridClick, GridState, rows_of};
use super::keymap::Action;
use super::msg::Effect;
use super::session::SavedState;
use super::view::{CommandSpec, FilterLine, Input, Keep, Opening, Reply, RequestIds, View, ViewContext, ViewSpec};
use crate::model::cluster::{Access, ClusterName};
use crate::model::proxy::{Routes, TrafficState, UpstreamFacts};
use crate::model::text::Text;
use crate::protocol::{ProxyLink, ProxyRequest, Request, RequestId, Snapshot};
use crate::views::panel::clear;
use ratatui::buffer::Buffer;
use ratatui::layout::{Position, Rect};
use std::sync::Arc;

/// A part of the view.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Section {
    /// The rules, in the order they are tried.
    Rules,
    /// The proxy's clusters.
    Clusters,
    /// The last requests.
    Tail,
    /// The findings of the lint.
    Findings,
}

/// All sections in the order of their digits, with their titles.
pub const SECTIONS: [(Section, &str); 4] = [
    (Section::Rules, "Rules"),
    (Section::Clusters, "Clusters"),
    (Section::Tail, "Requests"),
    (Section::Findings, "Findings"),
];

/// The view.
#[derive(Debug)]
pub struct RoutesView {
    /// Under which the engine keeps the picture current.
    watch: RequestId,
    section: Section,
    grids: [GridState; SECTIONS.len()],
    /// The tail as it was when it was paused.
    held: Option<Arc<Routes>>,
    utc_offset_s: i64,
}

impl RoutesView {
    /// Opens the view; the requests ask the engine for the picture.
    pub fn open(utc_offset_s: i64, ids: &RequestIds) -> (Self, Vec<Request>) {
        let watch = ids.fresh();
        let grids = SECTIONS.map(|(section, _)| match section {
            Section::Tail => GridState::tail(),
            Section::Rules | Section::Clusters | Section::Findings => GridState::default(),
        });
        (
            Self { watch, section: Section::Rules, grids, held: None, utc_offset_s },
            vec![Request::Proxy(ProxyRequest::Watch(watch))],
        )
    }

    /// Takes back the state of an earlier view.
    fn restore(&mut self, saved: &SavedState) {
        let shown = saved.get(SHOWN).map_or("", String::as_str);
        if let Some((section, _)) = SECTIONS.iter().find(|(_, title)| *title == shown) {
            self.section = *section;
        }
        for ((_, title), grid) in SECTIONS.iter().zip(&mut self.grids) {
            grid.restore(title, saved);
        }
    }

    /// The section that is shown.
    pub fn section(&self) -> Section {
        self.section
    }

    fn state(&self) -> &GridState {
        let [rules, clusters, tail, findings] = &self.grids;
        match self.section {
            Section::Rules => rules,
            Section::Clusters => clusters,
            Section::Tail => tail,
            Section::Findings => findings,
        }
    }

    fn state_mut(&mut self) -> &mut GridState {
        let [rules, clusters, tail, findings] = &mut self.grids;
        match self.section {
            Section::Rules => rules,
            Section::Clusters => clusters,
            Section::Tail => tail,
            Section::Findings => findings,
        }
    }

    /// The routes the shown section is made of: the paused tail, else the newest picture.
    fn source(&self, snapshot: &Snapshot) -> Option<Arc<Routes>> {
        let held = self.held.as_ref().filter(|_| self.section == Section::Tail);
        held.or(snapshot.proxy.routes.as_ref()).map(Arc::clone)
    }

    /// The shown section, filtered and sorted.
    fn grid(&self, cx: &ViewContext<'_>) -> Option<Grid> {
        let routes = self.source(cx.snapshot)?;
        let grid = match self.section {
            Section::Rules => lines::rules(&routes),
            Section::Clusters => lines::clusters(&routes),
            Section::Tail => lines::tail(&routes, self.utc_offset_s),
            Section::Findings => lines::findings(&routes),
        };
        Some(self.state().applied(grid, cx.now))
    }

    /// The cluster under the cursor, in the section of clusters.
    fn cluster<'a>(&self, grid: &Grid, snapshot: &'a Snapshot) -> Option<&'a UpstreamFacts> {
        if self.section != Section::Clusters {
            return None;
        }
        let name = grid.line(self.state().at(grid))?.row.cluster.clone();
        snapshot.proxy.routes.as_ref()?.clusters.iter().find(|cluster| cluster.name == name.as_str())
    }

    /// Does what the key means; passes on what is not the view's.
    fn act(&mut self, action: Action, cx: &ViewContext<'_>) -> Reply {
        match action {
            Action::BACK if self.state_mut().clear_filter() => Reply::stay(),
            Action::BACK => Reply::close(),
            keys::NEXT_SECTION => self.turn(1),
            keys::PREVIOUS_SECTION => self.turn(SECTIONS.len() - 1),
            Action::FREEZE => self.pause(cx.snapshot),
            Action::OPEN => self.open_line(cx),
            keys::START_PROXY => Reply::send([Request::Proxy(ProxyRequest::Start)]),
            keys::KEEP_PROXY => match &cx.snapshot.proxy.link {
                ProxyLink::Attached(at) => Reply::send([Request::Proxy(ProxyRequest::Keep(!at.kept))]),
                ProxyLink::None | ProxyLink::Starting | ProxyLink::Stopping | ProxyLink::Lost { .. } => Reply::stay(),
            },
            keys::STOP_PROXY => Reply::over(questions::stop(cx.snapshot.proxy.routes.as_deref())),
            keys::RELOAD => Reply::send([Request::Proxy(ProxyRequest::Reload(cx.ids.fresh()))]),
            keys::TEST_ROUTE => Reply::over(Tester::new(cx.ids.fresh())),
            keys::DRAIN => self.set_traffic(TrafficState::Draining, cx),
            keys::BLOCK => self.set_traffic(TrafficState::Blocked, cx),
            keys::REOPEN => self.set_traffic(TrafficState::Open, cx),
            action => {
                if let Some(nth) = action.number(keys::SECTION) {
                    return self.show_section(usize::from(nth).saturating_sub(1));
                }
                let grid = self.grid(cx).unwrap_or_default();
                let rows = rows_of(head::places(cx.area, cx.snapshot).table);
                Reply::known(self.state_mut().step(action, &grid, rows))
            }
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

    /// Reopens a blocked or drained cluster at once, as that harms nothing; all else is confirmed. The key that blocked
    /// it reopens it.
    fn set_traffic(&self, wanted: TrafficState, cx: &ViewContext<'_>) -> Reply {
        let grid = self.grid(cx).unwrap_or_default();
        let Some(cluster) = self.cluster(&grid, cx.snapshot) else { return Reply::stay() };
        let name = cluster.name.clone();
        if wanted == TrafficState::Open || wanted == cluster.traffic {
            return Reply::send([Request::Proxy(ProxyRequest::SetTraffic {
                id: cx.ids.fresh(),
                cluster: name,
                state: TrafficState::Open,
            })]);
        }
        let entry = cx.snapshot.clusters.get(&ClusterName::new(&name)).map(|known| &known.entry);
        let is_protected = entry.is_some_and(|entry| entry.access == Access::Protected);
        Reply::over(questions::traffic(cluster, wanted, is_protected, cx.ids.fresh()))
    }

    fn open_line(&self, cx: &ViewContext<'_>) -> Reply {
        let (Some(grid), Some(routes)) = (self.grid(cx), self.source(cx.snapshot)) else { return Reply::stay() };
        let Some(line) = grid.line(self.state().at(&grid)) else { return Reply::stay() };
        Reply::over(details::of(self.section, line, &routes, cx.now))
    }

    /// A click in the table: on a heading it sorts, on a line it selects, again it opens.
    fn click_table(&mut self, at: Position, table: Rect, cx: &ViewContext<'_>) -> Reply {
        let Some(grid) = self.grid(cx) else { return Reply::stay() };
        match self.state_mut().click(at, table, &grid, cx.now) {
            Some(GridClick::Opens) => self.open_line(cx),
            Some(GridClick::Moved) | None => Reply::stay(),
        }
    }
}

/// The view's line in the registry.
pub static SPEC: ViewSpec = ViewSpec {
    name: "routes",
    context: &keys::CONTEXT,
    command: Some(CommandSpec {
        names: &["routes", "route", "proxy"],
        usage: USAGE,
        help: "Show the routing proxy, or attach to one",
    }),
    open: Some(open),
    ..ViewSpec::PAGE
};

/// In the saved state: the section that is shown.
const SHOWN: &str = "section";

const USAGE: &str = "routes [attach HOST:PORT TOKEN-FILE]";

/// Opens the view; where an admin address and the file of its token are named, that proxy is attached first.
fn open(opening: &mut Opening<'_>) -> Result<Box<dyn View>, String> {
    match opening.words {
        [] => {}
        ["attach", address, file @ ..] if !file.is_empty() => {
            let (address, token_file) = (Text::new(address), Text::from(file.join(" ")));
            opening.effects.push(Effect::Send(Request::Proxy(ProxyRequest::Attach { address, token_file })));
        }
        _ => return Err(format!("type :{USAGE}")),
    }
    let (mut view, requests) = RoutesView::open(opening.utc_offset_s, opening.ids);
    view.restore(opening.saved);
    opening.effects.extend(requests.into_iter().map(Effect::Send));
    Ok(Box::new(view))
}

impl View for RoutesView {
    fn spec(&self) -> &'static ViewSpec {
        &SPEC
    }

    fn update(&mut self, input: Input, cx: &ViewContext<'_>) -> Reply {
        match input.action {
            Some(action) if !self.unavailable(cx).contains(&action) => self.act(action, cx),
            Some(_) | None => Reply::stay(),
        }
    }

    /// A click on a title shows the section.
    fn click(&mut self, at: Position, cx: &ViewContext<'_>) -> Option<Reply> {
        let places = head::places(cx.area, cx.snapshot);
        if at.y != places.sections.y || places.sections.height == 0 {
            return Some(self.click_table(at, places.table, cx));
        }
        let column = usize::from(at.x.saturating_sub(places.sections.x));
        let columns = usize::from(places.sections.width);
        let section = head::section_at(cx.snapshot, self.section, (column, columns));
        Some(section.map_or_else(Reply::stay, |nth| self.show_section(nth)))
    }

    fn filter(&self) -> Option<FilterLine<'_>> {
        Some(self.state().filter_line())
    }

    fn set_filter(&mut self, text: &str) {
        self.state_mut().set_filter(text);
    }

    fn unavailable(&self, cx: &ViewContext<'_>) -> Vec<Action> {
        let snapshot = cx.snapshot;
        let (attached, own) = match &snapshot.proxy.link {
            ProxyLink::Attached(at) => (true, at.own),
            ProxyLink::None | ProxyLink::Starting | ProxyLink::Stopping | ProxyLink::Lost { .. } => (false, false),
        };
        let can_start =
            snapshot.proxy.can_start && matches!(snapshot.proxy.link, ProxyLink::None | ProxyLink::Lost { .. });
        let has_routes = snapshot.proxy.routes.is_some();
        // Built once for all actions: it is as long as the section.
        let grid = self.grid(cx);
        let cluster = grid.as_ref().and_then(|grid| self.cluster(grid, snapshot)).filter(|_| attached);
        let mut works = vec![
            (keys::START_PROXY, can_start),
            (keys::STOP_PROXY, own),
            (keys::KEEP_PROXY, own),
            (keys::TEST_ROUTE, attached),
            (keys::RELOAD, attached),
            (keys::DRAIN, cluster.is_some()),
            (keys::BLOCK, cluster.is_some()),
            (keys::REOPEN, cluster.is_some_and(|cluster| cluster.traffic != TrafficState::Open)),
            (Action::FREEZE, has_routes && self.section == Section::Tail),
            (keys::NEXT_SECTION, has_routes),
            (keys::PREVIOUS_SECTION, has_routes),
            (Action::FILTER, has_routes),
            (Action::OPEN, grid.is_some_and(|grid| !grid.is_empty())),
        ];
        works.extend(keys::SECTIONS.map(|action| (action, has_routes)));
        works.into_iter().filter(|(_, works)| !works).map(|(action, _)| action).collect()
    }

    fn on_rejected(&mut self, request: &Request) -> Keep {
        Keep::unless(matches!(request, Request::Proxy(ProxyRequest::Watch(id)) if *id == self.watch))
    }

    fn on_close(&self) -> Vec<Request> {
        vec![Request::Proxy(ProxyRequest::Unwatch(self.watch))]
    }

    fn saved(&self) -> SavedState {
        let mut saved = SavedState::new();
        for ((section, title), grid) in SECTIONS.iter().zip(&self.grids) {
            if *section == self.section {
                saved.insert(SHOWN.into(), (*title).to_owned());
            }
            grid.save(title, &mut saved);
        }
        saved
    }

    fn draw(&self, buffer: &mut Buffer, cx: &ViewContext<'_>) {
        let area = cx.area.intersection(buffer.area);
        clear(buffer, area);
        self.draw_head(area, buffer, cx);
        let table = head::places(area, cx.snapshot).table;
        let Some(grid) = self.grid(cx).filter(|_| table.height > 0) else {
            return head::draw_without(table, buffer, cx);
        };
        self.state().draw(&grid, table, buffer, cx);
        if grid.is_empty() {
            self.draw_empty(table, buffer, cx);
        }
    }
}
