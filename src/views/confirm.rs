//! A question before a change: what the change touches, and a yes; where much is at stake, a name to type.

use super::cursor::moved;
use super::keymap::{Action, common};
use super::page::words;
use super::panel::{centred, frame, line};
use super::prompt::{Prompt, PromptKind};
use super::theme::Role;
use super::view::{Input, Reply, View, ViewContext, ViewSpec};
use crate::model::text::{Text, width};
use crate::protocol::Request;
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use std::collections::VecDeque;

/// Wider lines are broken.
const COLUMNS_MAX: usize = 76;

/// A question with the request that a yes sends.
#[derive(Debug, Clone)]
pub struct Confirm {
    title: String,
    lines: Vec<String>,
    request: Request,
    /// Texts still to type, one after the other; none is left once `enter` means yes.
    wanted: VecDeque<Text>,
    /// The text typed so far.
    prompt: Prompt,
    /// Why a text must be typed, as a clause before the text.
    why_typed: String,
    /// The first line that is shown, where not all have room.
    top: usize,
}

/// The dialog in an area.
struct Layout {
    lines: Vec<String>,
    place: Rect,
    /// Lines shown at once.
    rows: usize,
}

impl Confirm {
    /// A question that `enter` answers with yes.
    pub fn new(title: impl Into<String>, lines: Vec<String>, request: Request) -> Self {
        let prompt = Prompt::new(PromptKind::Command, "");
        let (wanted, why_typed) = (VecDeque::new(), String::new());
        Self { title: title.into(), lines, request, wanted, prompt, why_typed, top: 0 }
    }

    /// Wants `text` typed before `enter` means yes, after the texts wanted already; `why` says so in the dialog, before it.
    #[must_use]
    pub fn typed(mut self, text: Text, why: impl Into<String>) -> Self {
        self.wanted.push_back(text);
        self.why_typed = why.into();
        self
    }

    /// Takes the typed text if it is the one wanted; returns true once none is wanted any more.
    fn accept(&mut self) -> bool {
        if self.wanted.front().is_some_and(|wanted| self.prompt.text() == wanted) {
            self.wanted.pop_front();
            self.prompt.set("");
            return self.wanted.is_empty();
        }
        self.wanted.is_empty()
    }

    fn layout(&self, area: Rect) -> Layout {
        let asks = if self.wanted.is_empty() { 0 } else { ASK_ROWS };
        let room = usize::from(area.width.saturating_sub(4)).clamp(1, COLUMNS_MAX);
        let cut = |text: &String| {
            let parts = words(text, room).into_iter().filter_map(|range| text.get(range).map(str::to_owned));
            let parts: Vec<String> = parts.collect();
            if parts.is_empty() { vec![String::new()] } else { parts }
        };
        let lines: Vec<String> = self.lines.iter().flat_map(cut).collect();
        let widest = lines.iter().map(|l| width(l)).max().unwrap_or(0).max(width(&self.title)).max(40);
        let place = centred(area, widest + 2, lines.len() + 1 + if asks > 0 { asks + 1 } else { 0 });
        let rows = usize::from(place.height).saturating_sub(1 + asks);
        Layout { lines, place, rows }
    }
}

/// Rows that a text to type takes: the question and the text.
const ASK_ROWS: usize = 2;

/// The view's line in the registry.
pub static SPEC: ViewSpec = ViewSpec { name: "confirm", context: &common::ASK, ..ViewSpec::PANEL };

impl View for Confirm {
    fn spec(&self) -> &'static ViewSpec {
        &SPEC
    }

    /// `enter` means yes once all texts to type are typed; the arrows scroll what has no room.
    fn update(&mut self, input: Input, cx: &ViewContext<'_>) -> Reply {
        if !self.wanted.is_empty() && self.prompt.key(input.key) {
            return Reply::stay();
        }
        let Some(action) = input.action else { return Reply::stay() };
        match action {
            Action::BACK => return Reply::close(),
            Action::ACCEPT if self.accept() => {
                return Reply { close: true, ..Reply::send([self.request.clone()]) };
            }
            action => {
                let layout = self.layout(cx.area);
                let tops = layout.lines.len().saturating_sub(layout.rows) + 1;
                self.top = moved(self.top, action, tops, layout.rows).unwrap_or(self.top);
            }
        }
        Reply::stay()
    }

    fn paste(&mut self, text: &str) -> bool {
        if !self.wanted.is_empty() {
            self.prompt.paste(text);
        }
        true
    }

    fn draw(&self, buffer: &mut Buffer, cx: &ViewContext<'_>) {
        let (theme, Layout { lines, place, rows }) = (cx.theme, self.layout(cx.area));
        frame(buffer, place, &self.title, theme);
        let ground = theme.style(Role::Overlay);
        let top = self.top.min(lines.len().saturating_sub(rows));
        for (text, y) in lines.iter().skip(top).take(rows).zip(place.y + 1..) {
            line(buffer, place, y, text, ground);
        }
        if let Some(wanted) = self.wanted.front() {
            let bottom = place.bottom().saturating_sub(2);
            let question = format!("{} type {wanted}", self.why_typed);
            line(buffer, place, bottom, &question, ground.patch(theme.style(Role::Protected)));
            let typed = format!("› {}▏", self.prompt.text());
            line(buffer, place, bottom + 1, &typed, ground.patch(theme.style(Role::Input)));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::protocol::{ClusterRequest, Snapshot};
    use crate::views::export::text;
    use crate::views::fixture::{act, context, drawn, requests};
    use crate::views::keymap::Key;
    use crate::views::theme_named;
    use crate::views::view::RequestIds;

    fn type_text(confirm: &mut Confirm, text: &str) {
        let (snapshot, theme, ids) = (Snapshot::default(), theme_named("mono"), RequestIds::from(1));
        for c in text.chars() {
            confirm.update(Input { action: None, key: Key::char(c) }, &context(&snapshot, &theme, (80, 24), &ids));
        }
    }

    fn question(lines: usize) -> Confirm {
        let lines = (0..lines).map(|n| format!("line {n}")).collect();
        Confirm::new("Delete?", lines, Request::Cluster(ClusterRequest::RefreshInventory))
    }

    #[test]
    fn each_name_is_typed_before_enter_means_yes() {
        let (snapshot, ids) = (Snapshot::default(), RequestIds::from(1));
        let mut confirm = question(2).typed("prod-1".into(), "Protected:").typed("prod-2".into(), "Protected:");
        let shown = |confirm: &Confirm| text(&drawn(confirm, &snapshot, (80, 24), "mono"));
        type_text(&mut confirm, "prod-2");
        assert!(requests(act(&mut confirm, Action::ACCEPT, &snapshot, &ids)).is_empty(), "the other comes first");
        assert!(shown(&confirm).contains("Protected: type prod-1") && shown(&confirm).contains("› prod-2▏"));
        type_text(&mut confirm, "x");
        confirm.prompt.set("prod-1");
        assert!(requests(act(&mut confirm, Action::ACCEPT, &snapshot, &ids)).is_empty());
        assert!(shown(&confirm).contains("Protected: type prod-2"), "{}", shown(&confirm));
        type_text(&mut confirm, "prod-2");
        let yes = act(&mut confirm, Action::ACCEPT, &snapshot, &ids);
        assert!(yes.close);
        assert_eq!(requests(yes).len(), 1);
    }

    #[test]
    fn a_long_plan_scrolls_to_its_end() {
        let (snapshot, ids) = (Snapshot::default(), RequestIds::from(1));
        let mut confirm = question(60);
        let has = |confirm: &Confirm, line: &str| {
            let screen = text(&drawn(confirm, &snapshot, (80, 24), "mono"));
            screen.lines().any(|shown| shown.trim() == line)
        };
        assert!(has(&confirm, "line 0") && !has(&confirm, "line 59"));
        for _ in 0..70 {
            act(&mut confirm, Action::DOWN, &snapshot, &ids);
        }
        assert!(!has(&confirm, "line 0") && has(&confirm, "line 59"));
        act(&mut confirm, Action::TOP, &snapshot, &ids);
        assert!(has(&confirm, "line 0"));
    }
}
