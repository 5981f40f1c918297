//! Changes of the rows: from a key or a command to the plan; and leaving while one runs.

use super::App;
use crate::model::change::Verb;
use crate::model::text::Text;
use crate::protocol::Severity;
use crate::views::changes::ask::ValueQuestion;
use crate::views::changes::choice::Choice;
use crate::views::changes::leave::{self, Leave};
use crate::views::changes::line::{self, ChangeLine, Typed};
use crate::views::changes::plan::PlanView;
use crate::views::keymap::Action;
use crate::views::listing::keys;
use crate::views::msg::Effect;
use crate::views::place::Source;

/// Returns the verb of a key in a table.
pub(super) fn verb_of(action: Action) -> Option<Verb> {
    match action {
        keys::DELETE => Some(Verb::Delete),
        keys::RESTART => Some(Verb::RolloutRestart),
        keys::SCALE => Some(Verb::Scale),
        _ => None,
    }
}

impl App {
    /// Plans the change of a key for the chosen rows.
    pub(super) fn change_by_key(&mut self, verb: Verb) {
        let typed = ChangeLine::of(verb, self.now).map_or(Typed::Asks(verb), |line| Typed::Whole(Box::new(line)));
        self.plan(typed);
    }

    /// Plans the change that was typed after `:change`.
    pub(super) fn change_by_command(&mut self, words: &[Text]) {
        let words: Vec<&str> = words.iter().map(Text::as_str).collect();
        match line::parse(&words, self.now) {
            Ok(typed) => self.plan(typed),
            Err(why) => {
                self.say(Severity::Error, &why);
            }
        }
    }

    fn plan(&mut self, typed: Typed) {
        let verb = match &typed {
            Typed::Whole(line) => line.change.verb(),
            Typed::Asks(verb) => *verb,
        };
        let choice = match self.choice(verb) {
            Ok(choice) => choice,
            Err(why) => {
                self.say(Severity::Warning, &why);
                return;
            }
        };
        match typed {
            Typed::Asks(verb) => self.cover(ValueQuestion::new(verb, choice), Vec::new()),
            Typed::Whole(line) => {
                let (plan, request) = PlanView::make(&choice, *line, &self.ids);
                self.cover(plan, vec![request]);
            }
        }
    }

    /// Returns the objects that a change is for: the open one, else the chosen rows. Fails where there are none and where
    /// the verb does not take them: the error says what to do.
    fn choice(&self, verb: Verb) -> Result<Choice, String> {
        let choice = match self.top() {
            Some(view) => view.object().cloned().map(Choice::one).ok_or_else(no_rows)?,
            None => self.chosen_rows()?,
        };
        match choice.refusal(verb, self.cx(self.areas().table).snapshot) {
            Some(why) => Err(why),
            None => Ok(choice),
        }
    }

    fn chosen_rows(&self) -> Result<Choice, String> {
        let listing = self.tab().map(|tab| &tab.listing).ok_or_else(no_rows)?;
        match listing.place.source {
            Source::Fleet => Err(no_rows()),
            Source::Events => Err("events tell of objects, and are not changed here".to_owned()),
            Source::Resources(_) if listing.is_settling() && listing.marks.is_empty() => {
                Err("rows are still loading; j or ↓ puts the cursor on one".to_owned())
            }
            Source::Resources(_) => Ok(Choice::of(listing)),
        }
    }

    /// The verbs' keys that would do nothing for the row under the cursor.
    pub(super) fn unavailable_verbs(&self) -> Vec<Action> {
        let all = [keys::DELETE, keys::RESTART, keys::SCALE];
        let Some(listing) = self.tab().map(|tab| &tab.listing) else { return all.to_vec() };
        let row = match listing.place.source {
            Source::Resources(_) => listing.selected().map(Choice::one),
            Source::Fleet | Source::Events => None,
        };
        let is_refused = |verb| row.as_ref().is_none_or(|row| row.refusal(verb, &self.snapshot).is_some());
        all.into_iter().filter(|action| verb_of(*action).is_some_and(is_refused)).collect()
    }

    /// Leaves; asks first while this engine runs a change.
    pub(super) fn quit(&mut self) {
        let newest = self.held.as_ref().unwrap_or(&self.snapshot);
        let is_asked = self.top().is_some_and(|view| view.spec().name == leave::SPEC.name);
        match Leave::new(newest).filter(|_| !is_asked) {
            Some(question) => self.cover(question, Vec::new()),
            None => self.effects.push(Effect::Quit),
        }
    }
}

fn no_rows() -> String {
    "objects are changed in their tables: :pods, :deployments".to_owned()
}
