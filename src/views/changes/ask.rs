//! A value that a verb needs: the number of replicas, or labels; then the plan.

use super::choice::Choice;
use super::line;
use super::plan::PlanView;
use crate::model::change::Verb;
use crate::model::text::width;
use crate::views::keymap::{Action, common};
use crate::views::msg::Effect;
use crate::views::panel::{centred, frame, line as write_line};
use crate::views::prompt::{Prompt, PromptKind};
use crate::views::theme::Role;
use crate::views::view::{Input, Reply, View, ViewContext, ViewSpec};
use ratatui::buffer::Buffer;

/// A question for the value of a verb.
#[derive(Debug)]
pub struct ValueQuestion {
    verb: Verb,
    choice: Choice,
    prompt: Prompt,
    mistake: String,
}

/// The view's line in the registry.
pub static SPEC: ViewSpec = ViewSpec { name: "change-value", context: &common::ASK, ..ViewSpec::PANEL };

impl ValueQuestion {
    /// Asks for the value of a verb, for these objects.
    pub fn new(verb: Verb, choice: Choice) -> Self {
        Self { verb, choice, prompt: Prompt::new(PromptKind::Command, ""), mistake: String::new() }
    }

    fn accept(&mut self, cx: &ViewContext<'_>) -> Reply {
        let words: Vec<&str> = self.prompt.text().split_whitespace().collect();
        match line::values(self.verb, &words, cx.now) {
            Ok(line) => {
                let (plan, request) = PlanView::make(&self.choice, line, cx.ids);
                Reply { close: true, effects: vec![Effect::Send(request)], ..Reply::over(plan) }
            }
            Err(why) => {
                self.mistake = why;
                Reply::stay()
            }
        }
    }

    fn title(&self) -> String {
        format!("{} {}", self.verb, self.choice.words())
    }

    fn question(&self) -> &'static str {
        match self.verb {
            Verb::Scale => "Number of replicas:",
            Verb::Label => "Labels, as KEY=VALUE to set and KEY- to remove:",
            Verb::Delete | Verb::RolloutRestart | Verb::Cordon | Verb::Uncordon => "enter plans it.",
        }
    }
}

impl View for ValueQuestion {
    fn spec(&self) -> &'static ViewSpec {
        &SPEC
    }

    fn update(&mut self, input: Input, cx: &ViewContext<'_>) -> Reply {
        match input.action {
            Some(Action::BACK) => Reply::close(),
            Some(Action::ACCEPT) => self.accept(cx),
            Some(_) | None => {
                if self.prompt.key(input.key) {
                    self.mistake.clear();
                }
                Reply::stay()
            }
        }
    }

    fn paste(&mut self, text: &str) -> bool {
        self.prompt.paste(text);
        true
    }

    fn draw(&self, buffer: &mut Buffer, cx: &ViewContext<'_>) {
        let (theme, title) = (cx.theme, self.title());
        let texts = [title.as_str(), self.question(), &self.mistake];
        let widest = texts.into_iter().map(width).max().unwrap_or_default().max(40);
        let place = centred(cx.area, widest + 2, 4);
        frame(buffer, place, &title, theme);
        let ground = theme.style(Role::Overlay);
        let typed = format!("› {}▏", self.prompt.text());
        write_line(buffer, place, place.y + 1, self.question(), ground);
        write_line(buffer, place, place.y + 2, &typed, ground.patch(theme.style(Role::Input)));
        write_line(buffer, place, place.y + 3, &self.mistake, ground.patch(theme.style(Role::Error)));
    }
}
