//! What each action does to the table under the cursor, and around it.

use super::App;
use super::changes::verb_of;
use crate::error::UserError;
use crate::model::cluster::ClusterName;
use crate::model::document::Aspect;
use crate::model::text::Text;
use crate::protocol::{ClusterRequest, Request, Severity};
use crate::views::columns::ColumnList;
use crate::views::history::History;
use crate::views::keymap::Action;
use crate::views::listing::{ColumnChoice, keys};
use crate::views::missing::MissingList;
use crate::views::msg::Effect;
use crate::views::place::Source;
use crate::views::prompt::PromptKind;
use crate::views::resources::incomplete;
use crate::views::sort::{Sort, SortKey};
use crate::views::theme;

/// Terminals take 74,994 bytes of base64 by OSC 52: three quarters of that as text.
const COPY_BYTES_MAX: usize = 56_000;

/// Says whether the action is done to the row under the cursor.
fn is_about_a_row(action: Action) -> bool {
    matches!(
        action,
        Action::OPEN
            | Action::MARK
            | Action::DESCRIBE
            | Action::YAML
            | Action::LOGS
            | Action::PREVIOUS_LOGS
            | Action::COPY
            | Action::OWNER
            | keys::NODE
            | Action::EVENTS
            | keys::DELETE
            | keys::RESTART
            | keys::SCALE
    )
}

impl App {
    /// Does what the key means when no overlay and no prompt has it.
    pub(super) fn act(&mut self, action: Action) {
        if is_about_a_row(action) && self.tab().is_some_and(|tab| tab.listing.is_settling()) {
            self.say(Severity::Note, "rows are still loading; j or ↓ puts the cursor on one");
            return;
        }
        if self.move_cursor(action)
            || self.change_table(action)
            || self.leave_table(action)
            || self.change_place(action)
        {
            return;
        }
        match action {
            keys::MISSING => self.open_missing(),
            keys::COLUMNS => self.open_columns(),
            keys::RETRY => self.retry_marked(),
            keys::CONNECT => self.ask(self.chosen_clusters(), ClusterRequest::Connect, "connecting"),
            keys::PAUSE => self.ask(self.chosen_clusters(), ClusterRequest::Pause, "disconnected"),
            Action::FREEZE => self.toggle_frozen(),
            keys::REFRESH => self.refresh(),
            Action::COMMAND => self.open_prompt(PromptKind::Command),
            Action::FILTER => self.open_prompt(PromptKind::Filter),
            Action::COPY => self.open_copy(),
            Action::DESCRIBE => self.open_detail(Aspect::Describe),
            Action::YAML => self.open_detail(Aspect::Yaml),
            Action::LOGS => self.open_logs("", false),
            Action::PREVIOUS_LOGS => self.open_logs("", true),
            Action::PALETTE => self.open_palette(),
            Action::HELP => self.open_help(),
            Action::SAVE => self.open_save(),
            Action::QUIT => self.quit(),
            action => {
                if let Some(verb) = verb_of(action) {
                    self.change_by_key(verb);
                }
            }
        }
    }

    fn move_cursor(&mut self, action: Action) -> bool {
        let page = self.page().max(1);
        let Some(listing) = self.listing_mut() else { return false };
        let page = isize::try_from(page).unwrap_or(isize::MAX);
        match action {
            Action::UP => listing.step(-1),
            Action::DOWN => listing.step(1),
            Action::PAGE_UP => listing.step(-page),
            Action::PAGE_DOWN => listing.step(page),
            Action::TOP => listing.go_to(0),
            Action::BOTTOM => listing.go_to(usize::MAX),
            Action::LEFT => listing.place.sideways = listing.place.sideways.saturating_sub(1),
            Action::RIGHT => {
                let last = listing.shown_columns().len().saturating_sub(2);
                listing.place.sideways = (listing.place.sideways + 1).min(last);
            }
            Action::MARK => listing.toggle_mark(),
            keys::CLEAR_MARKS => listing.marks.clear(),
            _ => return false,
        }
        true
    }

    fn change_table(&mut self, action: Action) -> bool {
        match action {
            keys::WIDE => {
                if let Some(listing) = self.listing_mut() {
                    listing.set_wide(!listing.place.wide);
                }
            }
            keys::FAULTS => {
                let now = self.now;
                if let Some(listing) = self.listing_mut() {
                    listing.set_faults(!listing.place.faults, now);
                }
            }
            keys::SORT_NAME
            | keys::SORT_NAMESPACE
            | keys::SORT_CLUSTER
            | keys::SORT_STATUS
            | keys::SORT_AGE
            | keys::SORT_READY
            | keys::SORT_RESTARTS => self.sort_by_action(action),
            keys::SORT_LEFT => self.move_sort(false),
            keys::SORT_RIGHT => self.move_sort(true),
            keys::SORT_REVERSE => self.reverse_sort(),
            _ => return false,
        }
        true
    }

    fn leave_table(&mut self, action: Action) -> bool {
        match action {
            Action::OPEN => self.open_selected(),
            Action::BACK => self.go_back(),
            Action::OWNER => self.go_to_owner(),
            keys::NODE => self.go_to_node(),
            Action::EVENTS => self.go_to_events(),
            _ => match action.number(keys::NAMESPACE) {
                Some(nth) => self.go_to_namespace(nth),
                None => return false,
            },
        }
        true
    }

    /// Walks the history or the tabs; returns false if the action does neither.
    pub(super) fn change_place(&mut self, action: Action) -> bool {
        match action {
            Action::HISTORY_BACK => self.walk_or_say(History::back),
            Action::HISTORY_FORWARD => self.walk_or_say(History::forward),
            Action::LAST_VIEW => self.walk_or_say(History::last),
            Action::NEW_TAB => self.new_tab(),
            Action::NEXT_TAB => self.turn_tab(true),
            Action::PREVIOUS_TAB => self.turn_tab(false),
            Action::CLOSE_TAB => self.close_tab(),
            _ => return false,
        }
        true
    }

    pub(super) fn set_filter(&mut self, line: &str) {
        if self.top().is_some_and(|view| view.filter().is_some()) {
            self.with_top(|view, _| view.set_filter(line));
            return;
        }
        let now = self.now;
        if let Some(listing) = self.listing_mut() {
            listing.set_filter(line, now);
        }
        self.subscribe();
    }

    /// Sorts, and remembers it for the kind.
    pub(super) fn set_sort(&mut self, sort: Sort) {
        let Some(listing) = self.listing_mut() else { return };
        listing.set_sort(sort.clone());
        let kind = Text::new(listing.place.source.name());
        self.session.sorts.insert(kind, sort);
    }

    pub(super) fn choose_sort(&mut self, key: SortKey) {
        if let Some(sort) = self.tab().map(|tab| tab.listing.place.sort.chosen(key)) {
            self.set_sort(sort);
        }
    }

    fn sort_by_action(&mut self, action: Action) {
        match self.tab().and_then(|tab| tab.listing.sort_key_of(action)) {
            Some(key) => self.choose_sort(key),
            None => {
                self.say(Severity::Note, "this table has no such column");
            }
        }
    }

    /// `:sort COLUMN`.
    pub(super) fn sort_by_name(&mut self, name: &str) {
        let Some(listing) = self.tab().map(|tab| &tab.listing) else { return };
        let key = listing.sort_key_named(name);
        if let Some(key) = key {
            self.choose_sort(key);
        } else {
            let names: Vec<&str> = listing.columns().iter().map(|c| c.name.as_str()).collect();
            let text =
                format!("there is no column {name}: name, namespace, cluster, {}", names.join(", ").to_lowercase());
            self.say(Severity::Error, &text);
        }
    }

    /// Sorts by the shown column beside the present one.
    fn move_sort(&mut self, right: bool) {
        if let Some(key) = self.tab().and_then(|tab| tab.listing.sort_key_beside(right)) {
            self.set_sort(Sort::by(key, false));
        }
    }

    fn reverse_sort(&mut self) {
        let key = self.tab().and_then(|tab| tab.listing.place.sort.primary()).map(|(key, _)| key.clone());
        self.choose_sort(key.unwrap_or(SortKey::Name));
    }

    /// `:label KEY`: a label as a column, on and off.
    pub(super) fn toggle_label(&mut self, key: Text) {
        let Some(listing) = self.listing_mut() else { return };
        let label = SortKey::Label(key);
        let mut columns = listing.all_columns();
        match columns.iter().position(|(k, _)| *k == label) {
            Some(at) => {
                columns.remove(at);
            }
            None => columns.push((label, true)),
        }
        self.choose_columns(ColumnChoice(columns));
    }

    /// Shows these columns, and remembers them for the kind.
    pub(super) fn choose_columns(&mut self, choice: ColumnChoice) {
        let Some(listing) = self.listing_mut() else { return };
        listing.choice = choice.clone();
        let kind = Text::new(listing.place.source.name());
        self.session.columns.insert(kind, choice);
    }

    fn go_to_namespace(&mut self, nth: u8) {
        let Some(mut place) = self.tab().map(|tab| tab.listing.place.clone()) else { return };
        place.scope.namespaces.clear();
        if let Some(before) = usize::from(nth).checked_sub(1) {
            let Some(namespace) = self.session.namespaces.get(before) else {
                self.say(Severity::Note, "no such recent namespace yet; :ns NAME visits one");
                return;
            };
            place.scope.namespaces.push(namespace.clone());
        }
        self.go(place);
    }

    fn open_missing(&mut self) {
        let Some(listing) = self.tab().map(|tab| &tab.listing) else { return };
        let missing = match listing.place.source {
            Source::Fleet => &incomplete(&self.snapshot, &listing.place.scope, self.snapshot.at),
            Source::Resources(_) | Source::Events => &listing.coverage.missing,
        };
        if self.snapshot.clusters.is_empty() {
            let why = UserError::no_clusters(&self.snapshot.inventory).sentence();
            self.say(Severity::Warning, &why);
        } else if missing.is_empty() {
            self.say(Severity::Note, "no cluster is missing from this view");
        } else {
            let list = MissingList::new(missing, &listing.place.looked_at());
            self.cover(list, Vec::new());
        }
    }

    /// All columns there could be: labels too, as found on rows.
    fn open_columns(&mut self) {
        let Some(listing) = self.tab().map(|tab| &tab.listing) else { return };
        let mut columns = listing.all_columns();
        for key in listing.label_keys() {
            let label = SortKey::Label(key);
            if !columns.iter().any(|(k, _)| *k == label) {
                columns.push((label, false));
            }
        }
        self.cover(ColumnList::new(columns), Vec::new());
    }

    fn chosen_clusters(&self) -> Vec<ClusterName> {
        let Some(tab) = self.tab() else { return Vec::new() };
        let chosen = tab.listing.chosen();
        if tab.listing.place.source == Source::Fleet {
            chosen.into_iter().map(|k| k.cluster).collect()
        } else {
            Vec::new()
        }
    }

    fn retry_marked(&mut self) {
        let clusters = self.chosen_clusters();
        self.ask(clusters, ClusterRequest::Retry, "trying again:");
    }

    fn toggle_frozen(&mut self) {
        self.frozen = !self.frozen;
        if let Some(snapshot) = self.held.take().filter(|_| !self.frozen) {
            self.take_snapshot(snapshot);
        }
    }

    /// Reads the inventory again and retries what is missing from the view.
    fn refresh(&mut self) {
        self.send(Request::Cluster(ClusterRequest::RefreshInventory));
        let missing = self.tab().map(|tab| tab.listing.coverage.missing.iter().map(|m| m.cluster.clone()).collect());
        let missing: Vec<ClusterName> = missing.unwrap_or_default();
        if !missing.is_empty() {
            self.send(Request::Cluster(ClusterRequest::Retry(missing)));
        }
        self.say(Severity::Note, "reading the inventory again");
    }

    /// Copies a text and says what it was; one that terminals would drop in silence is refused.
    pub(super) fn copy(&mut self, text: String, what: &str) {
        if text.len() > COPY_BYTES_MAX {
            self.say(Severity::Warning, &format!("{what} is too long for the clipboard; ctrl-s saves it to a file"));
            return;
        }
        self.effects.push(Effect::Copy(text));
        self.say(Severity::Note, &format!("copied {what}"));
    }

    /// `:theme NAME`; without a name, says which there are.
    pub(super) fn set_theme(&mut self, name: Option<&str>) {
        let Some(name) = name else {
            let names: Vec<&str> = self.appearance.themes().names().collect();
            let names = names.join(", ");
            self.say(Severity::Note, &format!("themes: {names}"));
            return;
        };
        if name == theme::AUTO {
            self.session.theme = None;
            self.appearance.follow_terminal();
            let text = format!("the theme is {}, as suits the terminal", self.appearance.theme().name);
            self.say(Severity::Note, &text);
            return;
        }
        match self.appearance.select(name) {
            Ok(()) => self.session.theme = Some(Text::new(name)),
            Err(why) => {
                self.say(Severity::Error, &why);
            }
        }
    }
}
