//! Actions: what a key can do, as names that are compared as data. Each view declares its own beside itself.

/// A thing the user can ask for, by the name the keymap file uses. Keys become actions in the keymap; views know
/// actions only.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Action(&'static str);

impl Action {
    /// Moves up one line.
    pub const UP: Self = Self("up");
    /// Moves down one line.
    pub const DOWN: Self = Self("down");
    /// Moves or scrolls left.
    pub const LEFT: Self = Self("left");
    /// Moves or scrolls right.
    pub const RIGHT: Self = Self("right");
    /// Moves up a page.
    pub const PAGE_UP: Self = Self("page-up");
    /// Moves down a page.
    pub const PAGE_DOWN: Self = Self("page-down");
    /// Goes to the first line.
    pub const TOP: Self = Self("top");
    /// Goes to the last line.
    pub const BOTTOM: Self = Self("bottom");
    /// Opens the row under the cursor.
    pub const OPEN: Self = Self("open");
    /// Takes the chosen entry, or runs what was typed.
    pub const ACCEPT: Self = Self("accept");
    /// Closes what is on top, or goes back.
    pub const BACK: Self = Self("back");
    /// Completes what was typed.
    pub const COMPLETE: Self = Self("complete");
    /// Opens the command line.
    pub const COMMAND: Self = Self("command");
    /// Opens the palette.
    pub const PALETTE: Self = Self("palette");
    /// Opens the filter line.
    pub const FILTER: Self = Self("filter");
    /// Opens the help.
    pub const HELP: Self = Self("help");
    /// Describes the object.
    pub const DESCRIBE: Self = Self("describe");
    /// Shows the object as YAML.
    pub const YAML: Self = Self("yaml");
    /// Follows the logs of the pod.
    pub const LOGS: Self = Self("logs");
    /// Shows the logs of the container's previous run.
    pub const PREVIOUS_LOGS: Self = Self("previous-logs");
    /// Jumps to the object's owner.
    pub const OWNER: Self = Self("owner");
    /// Shows the events of the object.
    pub const EVENTS: Self = Self("events");
    /// Lets the user choose what to copy.
    pub const COPY: Self = Self("copy");
    /// Marks or unmarks the row.
    pub const MARK: Self = Self("mark");
    /// Holds the screen, or a list that grows, as it is.
    pub const FREEZE: Self = Self("freeze");
    /// Goes back in the history of views.
    pub const HISTORY_BACK: Self = Self("history-back");
    /// Goes forward in the history of views.
    pub const HISTORY_FORWARD: Self = Self("history-forward");
    /// Switches between the last two views.
    pub const LAST_VIEW: Self = Self("last-view");
    /// Opens a tab with the same view.
    pub const NEW_TAB: Self = Self("new-tab");
    /// Goes to the next tab.
    pub const NEXT_TAB: Self = Self("next-tab");
    /// Goes to the previous tab.
    pub const PREVIOUS_TAB: Self = Self("previous-tab");
    /// Closes the tab.
    pub const CLOSE_TAB: Self = Self("close-tab");
    /// Saves the screen, or the text of the view.
    pub const SAVE: Self = Self("save");
    /// Leaves.
    pub const QUIT: Self = Self("quit");

    /// An action of a view's own. Its name is unique among all actions: a test of the keymap sees to it.
    pub const fn new(name: &'static str) -> Self {
        Self(name)
    }

    /// Returns the name the keymap file uses.
    pub const fn name(self) -> &'static str {
        self.0
    }

    /// Returns the number of an action of a numbered family: 3 for `since-3` in the family `since-`.
    pub fn number(self, family: &str) -> Option<u8> {
        self.0.strip_prefix(family)?.parse().ok()
    }
}

/// An action as the help and the hint line tell of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ActionSpec {
    /// The action.
    pub action: Action,
    /// A word or two for the hint line.
    pub label: &'static str,
    /// A sentence for the help.
    pub help: &'static str,
    /// Earlier names, which keymap files may still use.
    pub aliases: &'static [&'static str],
}

impl ActionSpec {
    /// An action with its word for the hint line and its sentence for the help.
    pub const fn new(action: Action, label: &'static str, help: &'static str) -> Self {
        Self { action, label, help, aliases: &[] }
    }

    /// Accepts earlier names of the action in keymap files.
    #[must_use]
    pub const fn with_aliases(self, aliases: &'static [&'static str]) -> Self {
        Self { aliases, ..self }
    }

    /// Returns true if a keymap file may call the action so.
    pub fn is_called(&self, name: &str) -> bool {
        self.action.name() == name || self.aliases.contains(&name)
    }
}
