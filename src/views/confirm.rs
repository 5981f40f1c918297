//! A question before a change: what the change touches, and a yes; where much is at stake, a name to type.

use super::keymap::{Action, common};
use super::page::words;
use super::panel::{centred, frame, line};
use super::prompt::{Prompt, PromptKind};
use super::theme::Role;
use super::view::{Input, Reply, View, ViewContext, ViewSpec};
use crate::model::text::{Text, width};
use crate::protocol::Request;
use ratatui::buffer::Buffer;

/// Wider lines are broken.
const COLUMNS_MAX: usize = 76;

/// A question with the request that a yes sends.
#[derive(Debug, Clone)]
pub struct Confirm {
    title: String,
    lines: Vec<String>,
    request: Request,
    /// The text to type, and the text typed so far.
    typed: Option<(Text, Prompt)>,
    /// Why a text must be typed, as a clause before the text.
    why_typed: String,
}

impl Confirm {
    /// A question that `enter` answers with yes.
    pub fn new(title: impl Into<String>, lines: Vec<String>, request: Request) -> Self {
        Self { title: title.into(), lines, request, typed: None, why_typed: String::new() }
    }

    /// Wants `text` typed before `enter` means yes; `why` says so in the dialog, before the text.
    #[must_use]
    pub fn typed(mut self, text: Text, why: impl Into<String>) -> Self {
        self.typed = Some((text, Prompt::new(PromptKind::Command, "")));
        self.why_typed = why.into();
        self
    }

    /// Returns true once the text to type is typed, or if none is wanted.
    fn is_typed(&self) -> bool {
        self.typed.as_ref().is_none_or(|(wanted, prompt)| prompt.text() == wanted)
    }
}

/// The view's line in the registry.
pub static SPEC: ViewSpec = ViewSpec { name: "confirm", context: &common::ASK, ..ViewSpec::PANEL };

impl View for Confirm {
    fn spec(&self) -> &'static ViewSpec {
        &SPEC
    }

    /// `enter` means yes once the text to type is typed.
    fn update(&mut self, input: Input, _cx: &ViewContext<'_>) -> Reply {
        if self.typed.as_mut().is_some_and(|(_, prompt)| prompt.key(input.key)) {
            return Reply::stay();
        }
        match input.action {
            Some(Action::BACK) => Reply::close(),
            Some(Action::ACCEPT) if self.is_typed() => Reply { close: true, ..Reply::send([self.request.clone()]) },
            Some(_) | None => Reply::stay(),
        }
    }

    fn paste(&mut self, text: &str) -> bool {
        if let Some((_, prompt)) = &mut self.typed {
            prompt.paste(text);
        }
        true
    }

    fn draw(&self, buffer: &mut Buffer, cx: &ViewContext<'_>) {
        let (area, theme) = (cx.area, cx.theme);
        let ask = self
            .typed
            .as_ref()
            .map(|(wanted, prompt)| (format!("{} type {wanted}", self.why_typed), format!("› {}▏", prompt.text())));
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
