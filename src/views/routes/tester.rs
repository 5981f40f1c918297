//! The tester: a request is typed, and the proxy says which way it would go, and why.

use crate::model::proxy::{Candidate, Explanation};
use crate::model::text::width;
use crate::protocol::{Explained, ProxyRequest, Request, RequestId, Snapshot};
use crate::views::keymap::{Action, common};
use crate::views::panel::{centred, frame, line};
use crate::views::prompt::{Prompt, PromptKind};
use crate::views::theme::Role;
use crate::views::view::{Input, Keep, Reply, View, ViewContext, ViewSpec};
use ratatui::buffer::Buffer;
use std::sync::Arc;

/// Lines asked before that the arrows bring back.
const EARLIER_MAX: usize = 20;

/// Rules that do not hold, and further requests of a command, that are shown; `qd route test` shows all.
const PASSED_SHOWN: usize = 3;
const FURTHER_SHOWN: usize = 6;

/// The overlay.
#[derive(Debug, Clone)]
pub struct Tester {
    id: RequestId,
    prompt: Prompt,
    asked: Option<String>,
    answer: Option<Arc<Explained>>,
    earlier: Vec<String>,
}

impl Tester {
    /// A tester whose questions have this number.
    pub fn new(id: RequestId) -> Self {
        Self { id, prompt: Prompt::new(PromptKind::Command, ""), asked: None, answer: None, earlier: Vec::new() }
    }

    fn ask(&mut self) -> Reply {
        let text = self.prompt.text().trim().to_owned();
        if text.is_empty() {
            return Reply::stay();
        }
        self.earlier.retain(|line| *line != text);
        if self.earlier.len() >= EARLIER_MAX {
            self.earlier.remove(0);
        }
        self.earlier.push(text.clone());
        self.asked = Some(text.clone());
        self.answer = None;
        Reply::send([Request::Proxy(ProxyRequest::Explain { id: self.id, text: text.into() })])
    }

    /// Returns the lines below the line that is typed.
    pub fn lines(&self) -> Vec<(String, Role)> {
        let dim = |text: &str| (text.to_owned(), Role::Dim);
        match (self.asked.as_ref(), self.answer.as_deref()) {
            (None, _) => vec![
                dim("GET /api/v1/namespaces/production/pods"),
                dim("POST /apis/apps/v1/namespaces/web/deployments"),
                dim("kubectl get pods -n production"),
            ],
            (Some(_), None | Some(Explained::Waiting)) => vec![("◌ asking the proxy".to_owned(), Role::Progressing)],
            (Some(_), Some(Explained::Refused(why))) => vec![(format!("✗ {why}"), Role::Failed)],
            (Some(_), Some(Explained::Answer(answer))) => explained(answer),
        }
    }
}

/// The view's line in the registry.
pub static SPEC: ViewSpec = ViewSpec { name: "tester", context: &common::ASK, ..ViewSpec::PANEL };

impl View for Tester {
    fn spec(&self) -> &'static ViewSpec {
        &SPEC
    }

    /// `enter` asks; the arrows bring back what was asked before.
    fn update(&mut self, input: Input, _cx: &ViewContext<'_>) -> Reply {
        if self.prompt.key(input.key) {
            return Reply::stay();
        }
        match input.action {
            Some(Action::BACK) => return Reply::close(),
            Some(Action::ACCEPT) => return self.ask(),
            Some(Action::UP) => self.prompt.browse(1, &self.earlier),
            Some(Action::DOWN) => self.prompt.browse(-1, &self.earlier),
            Some(_) => return Reply::pass(),
            None => {}
        }
        Reply::stay()
    }

    fn paste(&mut self, text: &str) -> bool {
        self.prompt.paste(text);
        true
    }

    fn feed(&mut self, snapshot: &Snapshot) {
        if let Some(answer) = snapshot.proxy.explanations.get(&self.id) {
            self.answer = Some(Arc::clone(answer));
        }
    }

    fn on_rejected(&mut self, request: &Request) -> Keep {
        if matches!(request, Request::Proxy(ProxyRequest::Explain { id, .. }) if *id == self.id) {
            self.answer = Some(Arc::new(Explained::Refused("the engine is busy; ask again in a moment".into())));
        }
        Keep::Open
    }

    fn on_close(&self) -> Vec<Request> {
        vec![Request::Proxy(ProxyRequest::Unwatch(self.id))]
    }

    fn draw(&self, buffer: &mut Buffer, cx: &ViewContext<'_>) {
        let theme = cx.theme;
        let lines = self.lines();
        let widest = lines.iter().map(|(text, _)| width(text)).max().unwrap_or(0).max(60);
        let place = centred(cx.area, widest + 2, lines.len() + 3);
        frame(buffer, place, "Which way would it go?", theme);
        let ground = theme.style(Role::Overlay);
        let room = usize::from(place.width.saturating_sub(5));
        // A long line shows its end, where one types.
        let text = self.prompt.text();
        let skip = text.chars().count().saturating_sub(room);
        let shown: String = text.chars().skip(skip).collect();
        line(buffer, place, place.y + 1, &format!("› {shown}▏"), ground.patch(theme.style(Role::Input)));
        for ((text, role), y) in lines.iter().zip(place.y + 3..place.bottom()) {
            line(buffer, place, y, text, ground.patch(theme.style(*role)));
        }
    }
}

/// The answer as lines.
fn explained(answer: &Explanation) -> Vec<(String, Role)> {
    let mut lines = vec![(answer.request.to_string(), Role::Dim)];
    if !answer.read.is_empty() {
        lines.push((format!("reads    {}", answer.read), Role::Text));
    }
    let place = if answer.place.is_empty() { String::new() } else { format!("  {}", answer.place) };
    lines.push(match &answer.rule {
        Some(rule) => (format!("rule     {rule}{place}"), Role::Text),
        None => ("rule     none holds".to_owned(), Role::Text),
    });
    lines.push(match &answer.cluster {
        Some(cluster) => (format!("cluster  {cluster}"), Role::Strong),
        None => ("cluster  ✗ none: refused".to_owned(), Role::Failed),
    });
    lines.push((format!("why      {}", answer.why), Role::Text));
    for (nth, next) in answer.next.iter().enumerate() {
        let label = if nth == 0 { "then" } else { "" };
        lines.push((format!("{label:<8} {}", candidate(next)), Role::Dim));
    }
    // Those nearest to the one that holds say most.
    for (nth, passed) in answer.passed.iter().rev().take(PASSED_SHOWN).enumerate() {
        let label = if nth == 0 { "not" } else { "" };
        let value = if passed.failed.value.is_empty() { "none" } else { &*passed.failed.value };
        lines.push((format!("{label:<8} {}: {} · it is {value}", passed.rule, passed.failed.condition), Role::Dim));
    }
    for (nth, further) in answer.further.iter().take(FURTHER_SHOWN).enumerate() {
        let label = if nth == 0 { "also" } else { "" };
        let cluster = further.cluster.as_deref().unwrap_or("refused");
        lines.push((format!("{label:<8} {} → {cluster}", further.read), Role::Text));
    }
    lines.extend(answer.warnings.iter().map(|warning| (format!("▲        {warning}"), Role::Warning)));
    lines
}

fn candidate(next: &Candidate) -> String {
    let cluster = next.cluster.as_ref().map_or("refused", |cluster| cluster);
    let why = if next.why.is_empty() { String::new() } else { format!(" · {}", next.why) };
    format!("{} → {cluster}{why}", next.rule)
}
