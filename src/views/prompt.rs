//! One line of typing: a command after `:`, a filter after `/`.

use super::keymap::common::{ACCEPT, ESCAPE, QUIT, TYPED_MOVES};
use super::keymap::{Action, Binding, Code, Context, ContextSpec, Key, bind};
use tui_input::{Input, InputRequest};

const KEYS: &[Binding] = &[bind(Action::COMPLETE, &["tab"])];

/// Typing a command, a filter or a search.
pub static CONTEXT: ContextSpec = ContextSpec {
    context: Context::new("prompt"),
    title: "Command, filter and search line",
    is_typing: true,
    actions: &[],
    keys: &[ESCAPE, TYPED_MOVES, ACCEPT, KEYS, QUIT],
    hints: &[Action::ACCEPT, Action::COMPLETE, Action::BACK, Action::UP],
};

/// The kind of line that is typed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PromptKind {
    /// A command after `:`.
    Command,
    /// A filter of the table or the list, after `/`.
    Filter,
    /// In the text that lies over the table.
    Search,
}

/// The line, its cursor, and the way through earlier lines.
#[derive(Debug, Clone)]
pub struct Prompt {
    /// The kind of line.
    pub kind: PromptKind,
    input: Input,
    /// The line as it was before, for `esc`.
    pub before: String,
    /// The rest that a completion would add; shown dim behind the line.
    pub ghost: String,
    /// How far back in the earlier lines; 0 is the line being typed.
    back: usize,
    draft: String,
}

/// The longest line that can be typed or pasted.
const LINE_CHARS_MAX: usize = 1024;

impl Prompt {
    /// A line that begins with a text, the cursor at its end.
    pub fn new(kind: PromptKind, text: &str) -> Self {
        Self {
            kind,
            input: Input::new(text.to_owned()),
            before: text.to_owned(),
            ghost: String::new(),
            back: 0,
            draft: String::new(),
        }
    }

    /// Returns the text typed so far.
    pub fn text(&self) -> &str {
        self.input.value()
    }

    /// Replaces the text.
    pub fn set(&mut self, text: &str) {
        self.input = Input::new(text.chars().take(LINE_CHARS_MAX).collect());
    }

    /// The cursor's place in columns from the start of the text.
    pub fn cursor(&self) -> usize {
        self.input.visual_cursor()
    }

    /// Returns true if the cursor is behind the last letter.
    pub fn at_end(&self) -> bool {
        self.input.cursor() == self.input.value().chars().count()
    }

    /// Types or edits; says whether the text changed.
    pub fn key(&mut self, key: Key) -> bool {
        let Some(request) = request(key) else { return false };
        if matches!(request, InputRequest::InsertChar(_)) && self.text().chars().count() >= LINE_CHARS_MAX {
            return false;
        }
        self.input.handle(request).is_some_and(|change| change.value)
    }

    /// Inserts pasted text, line breaks as spaces.
    pub fn paste(&mut self, text: &str) {
        for c in crate::model::text::clean(text).chars() {
            if self.text().chars().count() < LINE_CHARS_MAX {
                self.input.handle(InputRequest::InsertChar(c));
            }
        }
    }

    /// Goes to an earlier line (`+1`) or back to a later one (`-1`); `earlier` has the newest last.
    pub fn browse(&mut self, step: isize, earlier: &[String]) {
        if self.back == 0 {
            self.text().to_owned().clone_into(&mut self.draft);
        }
        self.back = self.back.saturating_add_signed(step).min(earlier.len());
        let line = match self.back {
            0 => self.draft.clone(),
            back => earlier.get(earlier.len() - back).cloned().unwrap_or_default(),
        };
        self.set(&line);
    }
}

/// Editing keys as a shell has them.
fn request(key: Key) -> Option<InputRequest> {
    if let Some(c) = key.typed() {
        return Some(InputRequest::InsertChar(c));
    }
    Some(match (key.code, key.ctrl, key.alt) {
        (Code::Backspace, false, false) | (Code::Char('h'), true, false) => InputRequest::DeletePrevChar,
        (Code::Delete, ..) | (Code::Char('d'), true, false) => InputRequest::DeleteNextChar,
        (Code::Char('w'), true, false) | (Code::Backspace, _, true) => InputRequest::DeletePrevWord,
        (Code::Char('u'), true, false) => InputRequest::DeleteLine,
        (Code::Char('k'), true, false) => InputRequest::DeleteTillEnd,
        (Code::Left, false, false) | (Code::Char('b'), true, false) => InputRequest::GoToPrevChar,
        (Code::Right, false, false) | (Code::Char('f'), true, false) => InputRequest::GoToNextChar,
        (Code::Left, ..) | (Code::Char('b'), false, true) => InputRequest::GoToPrevWord,
        (Code::Right, ..) | (Code::Char('f'), false, true) => InputRequest::GoToNextWord,
        (Code::Home, ..) | (Code::Char('a'), true, false) => InputRequest::GoToStart,
        (Code::End, ..) | (Code::Char('e'), true, false) => InputRequest::GoToEnd,
        _ => return None,
    })
}
