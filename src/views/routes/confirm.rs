//! What is asked before something is taken from the clients of a proxy: what it touches, and a yes.

use crate::model::proxy::{Routes, TrafficState, UpstreamFacts};
use crate::model::text::{Text, width};
use crate::protocol::ProxyRequest;
use crate::protocol::{Request, RequestId};
use crate::views::keymap::{Action, Key};
use crate::views::msg::Effect;
use crate::views::overlay::Reply;
use crate::views::page::words;
use crate::views::panel::{centred, frame, line};
use crate::views::prompt::{Prompt, PromptKind};
use crate::views::theme::{Role, Theme};
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

/// Wider lines are broken.
const COLUMNS_MAX: usize = 76;

fn running(in_flight: u64, long_running: u64) -> String {
    format!("{in_flight} in flight · {long_running} long-running")
}

/// A question with the request that a yes sends.
#[derive(Debug, Clone)]
pub struct Confirm {
    title: String,
    lines: Vec<String>,
    request: Request,
    /// What must be typed, and what was.
    typed: Option<(Text, Prompt)>,
}

impl Confirm {
    /// Before a cluster is drained or fenced; a protected one is named by typing it.
    pub fn fence(cluster: &UpstreamFacts, fence: TrafficState, is_protected: bool, id: RequestId) -> Self {
        let (title, effect) = match fence {
            TrafficState::Fenced => (
                "Fence",
                [
                    "No request goes there any more; the running ones are ended.",
                    "Watches of its clients end at once; rules with other clusters go on there.",
                ],
            ),
            TrafficState::Draining | TrafficState::Open => (
                "Drain",
                [
                    "No new client goes there; what runs there runs on.",
                    "Clients that are there already stay until they end.",
                ],
            ),
        };
        let mut lines = vec![running(cluster.in_flight, cluster.long_running), String::new()];
        lines.extend(effect.iter().map(|text| (*text).to_owned()));
        lines.push("The same key opens it again.".to_owned());
        Self {
            title: format!("{title} {}?", cluster.name),
            lines,
            request: Request::Proxy(ProxyRequest::SetTraffic { id, cluster: cluster.name.clone(), state: fence }),
            typed: is_protected.then(|| (cluster.name.clone(), Prompt::new(PromptKind::Command, ""))),
        }
    }

    /// Before the proxy this program started is ended.
    pub fn stop(routes: Option<&Routes>) -> Self {
        let mut lines = Vec::new();
        if let Some(routes) = routes {
            lines.push(running(routes.in_flight, routes.long_running));
            lines.extend(routes.listeners.iter().map(|listener| format!("listens on {listener}")));
            lines.push(String::new());
        }
        lines.push("It takes no new connection, lets short requests end, and ends the rest.".to_owned());
        Self { title: "Stop the proxy?".to_owned(), lines, request: Request::Proxy(ProxyRequest::Stop), typed: None }
    }

    /// Types or erases a letter; `false` if the key does neither.
    pub fn key(&mut self, key: Key) -> bool {
        self.typed.as_mut().is_some_and(|(_, prompt)| prompt.key(key))
    }

    pub fn paste(&mut self, text: &str) {
        if let Some((_, prompt)) = &mut self.typed {
            prompt.paste(text);
        }
    }

    /// `enter` says yes, once what is to be typed is typed.
    pub fn on(&self, action: Action) -> Reply {
        if action != Action::Accept || !self.is_typed() {
            return Reply::stay();
        }
        Reply { effects: vec![Effect::Send(self.request.clone())], ..Reply::close() }
    }

    fn is_typed(&self) -> bool {
        self.typed.as_ref().is_none_or(|(wanted, prompt)| prompt.text() == wanted)
    }

    pub fn draw(&self, area: Rect, buffer: &mut Buffer, theme: &Theme) {
        let ask = self
            .typed
            .as_ref()
            .map(|(wanted, prompt)| (format!("It is protected: type {wanted}"), format!("› {}▏", prompt.text())));
        let extra = if ask.is_some() { 3 } else { 0 };
        let room = usize::from(area.width.saturating_sub(4)).clamp(1, COLUMNS_MAX);
        let cut = |text: &String| {
            let parts = words(text, room).into_iter().filter_map(|range| text.get(range).map(str::to_owned));
            let parts: Vec<String> = parts.collect();
            if parts.is_empty() { vec![String::new()] } else { parts }
        };
        let lines: Vec<String> = self.lines.iter().flat_map(cut).collect();
        let widest = lines.iter().map(|l| width(l)).max().unwrap_or(0).max(width(&self.title)).max(40);
        let place = centred(area, widest + 2, lines.len() + 1 + extra);
        frame(buffer, place, &self.title, theme);
        let ground = theme.style(Role::Overlay);
        let bottom = place.bottom().saturating_sub(if ask.is_some() { 2 } else { 0 });
        for (text, y) in lines.iter().zip(place.y + 1..bottom) {
            line(buffer, place, y, text, ground);
        }
        if let Some((what, typed)) = ask {
            line(buffer, place, bottom, &what, ground.patch(theme.style(Role::Protected)));
            line(buffer, place, bottom + 1, &typed, ground.patch(theme.style(Role::Input)));
        }
    }
}
