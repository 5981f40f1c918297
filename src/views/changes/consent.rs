//! The consent to a plan while it is given: a yes, then each name that is asked for, typed.

use crate::model::change::{Given, Prompt as Question};
use crate::views::header::Piece;
use crate::views::keymap::Key;
use crate::views::prompt::{Prompt, PromptKind};
use crate::views::theme::Role;
use std::collections::VecDeque;

/// The names that are still to be typed, and those that were.
#[derive(Debug)]
pub(super) struct Consenting {
    left: VecDeque<Question>,
    given: Given,
    prompt: Prompt,
    /// The name that was typed and is not the one asked for.
    wrong: Option<String>,
}

impl Consenting {
    /// Takes the `y` that was pressed as the yes; the names are left.
    pub(super) fn new(questions: &[Question]) -> Self {
        let yes = questions.contains(&Question::Agree);
        let left = questions.iter().filter(|question| **question != Question::Agree).cloned().collect();
        let given = Given { yes, names: Vec::new() };
        Self { left, given, prompt: Prompt::new(PromptKind::Command, ""), wrong: None }
    }

    /// Returns the consent once no name is left.
    pub(super) fn given(&self) -> Option<Given> {
        self.left.is_empty().then(|| self.given.clone())
    }

    /// Takes the typed name if it is the one asked for; returns the consent once no name is left.
    pub(super) fn accept(&mut self) -> Option<Given> {
        let typed = self.prompt.text().trim().to_owned();
        match self.left.front() {
            Some(question) if question.is_answered_by(&typed) => {
                self.given.names.push(typed);
                self.left.pop_front();
                self.wrong = None;
                self.prompt.set("");
            }
            Some(_) => self.wrong = Some(typed),
            None => {}
        }
        self.given()
    }

    /// Types a letter; returns false if the key types nothing.
    pub(super) fn key(&mut self, key: Key) -> bool {
        let typed = self.prompt.key(key);
        if typed {
            self.wrong = None;
        }
        typed
    }

    pub(super) fn paste(&mut self, text: &str) {
        self.prompt.paste(text);
    }

    /// Returns the question, the typed name, and what is wrong with it.
    pub(super) fn lines(&self) -> Vec<Piece> {
        let Some(question) = self.left.front() else { return Vec::new() };
        let after = match self.left.len() - 1 {
            0 => String::new(),
            more => format!(" ({more} more after it)"),
        };
        let words = question.words();
        let mut lines = vec![
            (format!("{}{after}", words.trim_end().trim_end_matches(':')), Role::Protected),
            (format!("› {}▏", self.prompt.text()), Role::Input),
        ];
        lines.extend(self.wrong.as_ref().map(|typed| match typed.as_str() {
            "" => ("Nothing is typed yet. esc goes back to the plan.".to_owned(), Role::Error),
            typed => (format!("{typed} is not that name. Nothing was changed."), Role::Error),
        }));
        lines
    }
}
