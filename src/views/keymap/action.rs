//! Everything a key can do, as values: one name, one help line, one default binding table.

use super::Context::{self, Detail, Doctor, Fleet, Help, List, Logs, Palette, Prompt, Table};

/// A column that has a sort key of its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum SortBy {
    Name,
    Namespace,
    Cluster,
    Status,
    Age,
    Ready,
    Restarts,
}

/// One thing the user can ask for. Keys become actions in the keymap; views know actions only.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Action {
    Up,
    Down,
    Left,
    Right,
    PageUp,
    PageDown,
    Top,
    Bottom,
    Open,
    Accept,
    Back,
    Complete,
    Command,
    Palette,
    Filter,
    Help,
    Describe,
    Yaml,
    Logs,
    PreviousLogs,
    Owner,
    Node,
    Events,
    Copy,
    Mark,
    ClearMarks,
    Wide,
    Columns,
    Faults,
    Missing,
    Freeze,
    Refresh,
    Retry,
    Connect,
    Pause,
    Sort(SortBy),
    SortLeft,
    SortRight,
    SortReverse,
    HistoryBack,
    HistoryForward,
    LastView,
    Namespace(u8),
    NewTab,
    NextTab,
    PreviousTab,
    CloseTab,
    Search,
    NextMatch,
    PreviousMatch,
    Wrap,
    Fold,
    FoldAll,
    Reveal,
    Follow,
    Timestamps,
    Containers,
    Since(u8),
    Save,
    Quit,
}

/// What is said of an action.
#[derive(Debug, Clone, Copy)]
pub struct Described {
    pub action: Action,
    /// As the keymap file names it.
    pub name: &'static str,
    /// One or two words for the hint line.
    pub label: &'static str,
    /// One sentence for the help.
    pub help: &'static str,
}

const fn d(action: Action, name: &'static str, label: &'static str, help: &'static str) -> Described {
    Described { action, name, label, help }
}

/// All actions, in the order the help lists them.
pub const ACTIONS: &[Described] = &[
    d(Action::Open, "open", "open", "Open it: a cluster's pods, a pod's containers"),
    d(Action::Describe, "describe", "describe", "Describe it, with conditions, owners and events"),
    d(Action::Yaml, "yaml", "yaml", "Show the object as YAML"),
    d(Action::Logs, "logs", "logs", "Follow the logs of the pod or container"),
    d(Action::PreviousLogs, "previous-logs", "previous", "Show the logs of the container's previous run"),
    d(Action::Owner, "owner", "owner", "Jump to the object's owner"),
    d(Action::Node, "node", "node", "Jump to the node the pod runs on"),
    d(Action::Events, "events", "events", "Show the events of the object"),
    d(Action::Copy, "copy", "copy", "Copy the name, the cell, the YAML or a kubectl command"),
    d(Action::Mark, "mark", "mark", "Mark or unmark the row"),
    d(Action::ClearMarks, "clear-marks", "clear marks", "Clear all marks"),
    d(Action::Filter, "filter", "filter", "Filter the rows; the grammar is below"),
    d(Action::Faults, "faults", "faults", "Show only what is unhealthy"),
    d(Action::Missing, "missing", "missing", "Show which clusters are missing here, and why"),
    d(Action::Retry, "retry", "retry", "Try to reach the cluster again now"),
    d(Action::Connect, "connect", "connect", "Connect the marked clusters"),
    d(Action::Pause, "pause", "pause", "Disconnect the marked clusters; their rows stay"),
    d(Action::Command, "command", "command", "Type a command: :pods -n a,b @prod-* /filter"),
    d(Action::Palette, "palette", "aliases", "Find a kind, cluster, namespace, command or theme"),
    d(Action::Help, "help", "help", "Show the keys of this view"),
    d(Action::Back, "back", "back", "Close what is on top, or go back"),
    d(Action::HistoryBack, "history-back", "earlier", "Go back in the history of views"),
    d(Action::HistoryForward, "history-forward", "later", "Go forward in the history of views"),
    d(Action::LastView, "last-view", "last view", "Switch between the last two views"),
    d(Action::Namespace(0), "namespace-0", "all ns", "Show all namespaces"),
    d(Action::Namespace(1), "namespace-1", "ns 1", "Show the first recent namespace"),
    d(Action::Namespace(2), "namespace-2", "ns 2", "Show the second recent namespace"),
    d(Action::Namespace(3), "namespace-3", "ns 3", "Show the third recent namespace"),
    d(Action::Namespace(4), "namespace-4", "ns 4", "Show the fourth recent namespace"),
    d(Action::Namespace(5), "namespace-5", "ns 5", "Show the fifth recent namespace"),
    d(Action::Namespace(6), "namespace-6", "ns 6", "Show the sixth recent namespace"),
    d(Action::Namespace(7), "namespace-7", "ns 7", "Show the seventh recent namespace"),
    d(Action::Namespace(8), "namespace-8", "ns 8", "Show the eighth recent namespace"),
    d(Action::Namespace(9), "namespace-9", "ns 9", "Show the ninth recent namespace"),
    d(Action::Sort(SortBy::Name), "sort-name", "by name", "Sort by name; again reverses"),
    d(Action::Sort(SortBy::Namespace), "sort-namespace", "by namespace", "Sort by namespace; again reverses"),
    d(Action::Sort(SortBy::Cluster), "sort-cluster", "by cluster", "Sort by cluster; again reverses"),
    d(Action::Sort(SortBy::Status), "sort-status", "by status", "Sort by status; again reverses"),
    d(Action::Sort(SortBy::Age), "sort-age", "by age", "Sort by age; again reverses"),
    d(Action::Sort(SortBy::Ready), "sort-ready", "by ready", "Sort by readiness; again reverses"),
    d(Action::Sort(SortBy::Restarts), "sort-restarts", "by restarts", "Sort by restarts; again reverses"),
    d(Action::SortLeft, "sort-left", "sort left", "Sort by the column to the left"),
    d(Action::SortRight, "sort-right", "sort right", "Sort by the column to the right"),
    d(Action::SortReverse, "sort-reverse", "reverse", "Reverse the sort"),
    d(Action::Wide, "wide", "wide", "Show or hide the wide columns"),
    d(Action::Columns, "columns", "columns", "Choose the columns"),
    d(Action::Freeze, "freeze", "freeze", "Freeze the screen; the engine keeps going"),
    d(Action::Refresh, "refresh", "refresh", "Read the inventory again and draw anew"),
    d(Action::NewTab, "new-tab", "new tab", "Open a tab with the same view"),
    d(Action::NextTab, "next-tab", "next tab", "Go to the next tab"),
    d(Action::PreviousTab, "previous-tab", "previous tab", "Go to the previous tab"),
    d(Action::CloseTab, "close-tab", "close tab", "Close the tab"),
    d(Action::Search, "search", "search", "Search the text"),
    d(Action::NextMatch, "next-match", "next", "Go to the next match"),
    d(Action::PreviousMatch, "previous-match", "previous", "Go to the previous match"),
    d(Action::Fold, "fold", "fold", "Fold or unfold the block the cursor is on"),
    d(Action::FoldAll, "fold-all", "fold all", "Fold or unfold all blocks"),
    d(Action::Wrap, "wrap", "wrap", "Wrap long lines or scroll sideways"),
    d(Action::Reveal, "reveal", "decode", "Show or hide the decoded values of the Secret"),
    d(Action::Follow, "follow", "follow", "Follow new lines, or stay where you are"),
    d(Action::Timestamps, "timestamps", "times", "Show or hide the time of each line"),
    d(Action::Containers, "containers", "containers", "Choose the container"),
    d(Action::Since(0), "since-0", "tail", "Show the last lines"),
    d(Action::Since(1), "since-1", "all", "Show the log from its beginning"),
    d(Action::Since(2), "since-2", "1m", "Show the last minute"),
    d(Action::Since(3), "since-3", "5m", "Show the last 5 minutes"),
    d(Action::Since(4), "since-4", "15m", "Show the last 15 minutes"),
    d(Action::Since(5), "since-5", "1h", "Show the last hour"),
    d(Action::Since(6), "since-6", "1d", "Show the last day"),
    d(Action::Up, "up", "up", "Move up"),
    d(Action::Down, "down", "down", "Move down"),
    d(Action::Left, "left", "left", "Move or scroll left"),
    d(Action::Right, "right", "right", "Move or scroll right"),
    d(Action::PageUp, "page-up", "page up", "Move up a page"),
    d(Action::PageDown, "page-down", "page down", "Move down a page"),
    d(Action::Top, "top", "top", "Go to the first line"),
    d(Action::Bottom, "bottom", "bottom", "Go to the last line"),
    d(Action::Accept, "accept", "ok", "Take the chosen entry, or run what was typed"),
    d(Action::Complete, "complete", "complete", "Complete what was typed"),
    d(Action::Save, "save", "save", "Save the screen as text, ANSI or SVG, or the log"),
    d(Action::Quit, "quit", "quit", "Leave"),
];

/// One line of the default table: where these keys do this.
#[derive(Debug, Clone, Copy)]
pub struct Binding {
    pub action: Action,
    pub contexts: &'static [Context],
    /// The first is the one hints show.
    pub keys: &'static [&'static str],
}

const fn b(action: Action, contexts: &'static [Context], keys: &'static [&'static str]) -> Binding {
    Binding { action, contexts, keys }
}

const ROWS: &[Context] = &[Fleet, Table];
const TEXTS: &[Context] = &[Detail, Logs, Help, Doctor];
const NOT_TYPING: &[Context] = &[Fleet, Table, Detail, Logs, Help, Doctor, List];
const ALL: &[Context] = &[Fleet, Table, Detail, Logs, Help, Doctor, List, Palette, Prompt];

/// The default keys: what k9s users have in their fingers.
pub const DEFAULTS: &[Binding] = &[
    b(Action::Open, ROWS, &["enter"]),
    b(Action::Describe, &[Table, Detail], &["d"]),
    b(Action::Yaml, &[Table, Detail], &["y"]),
    b(Action::Logs, &[Table, Detail], &["l"]),
    b(Action::PreviousLogs, &[Table, Detail, Logs], &["p"]),
    b(Action::Owner, &[Table, Detail], &["shift-j"]),
    b(Action::Node, &[Table], &["o"]),
    b(Action::Events, &[Table, Detail], &["v"]),
    b(Action::Copy, &[Fleet, Table, Detail, Logs], &["c"]),
    b(Action::Mark, &[Fleet, Table, List], &["space"]),
    b(Action::ClearMarks, ROWS, &["ctrl-\\"]),
    b(Action::Filter, ROWS, &["/"]),
    b(Action::Faults, ROWS, &["ctrl-z"]),
    b(Action::Missing, ROWS, &["m"]),
    b(Action::Retry, &[Fleet], &["r"]),
    b(Action::Connect, &[Fleet], &["o"]),
    b(Action::Pause, &[Fleet], &["p"]),
    b(Action::Command, &[Fleet, Table, Detail, Logs, Help, Doctor], &[":"]),
    b(Action::Palette, &[Fleet, Table, Detail, Logs, Help, Doctor], &["ctrl-a"]),
    b(Action::Help, &[Fleet, Table, Detail, Logs, Doctor], &["?"]),
    b(Action::Back, &[Help], &["esc", "q", "?"]),
    b(Action::Back, &[Detail, Logs, Doctor, List], &["esc", "q"]),
    b(Action::Back, &[Fleet, Table, Palette, Prompt], &["esc"]),
    b(Action::HistoryBack, ROWS, &["["]),
    b(Action::HistoryForward, ROWS, &["]"]),
    b(Action::LastView, ROWS, &["-"]),
    b(Action::Namespace(0), &[Table], &["0"]),
    b(Action::Namespace(1), &[Table], &["1"]),
    b(Action::Namespace(2), &[Table], &["2"]),
    b(Action::Namespace(3), &[Table], &["3"]),
    b(Action::Namespace(4), &[Table], &["4"]),
    b(Action::Namespace(5), &[Table], &["5"]),
    b(Action::Namespace(6), &[Table], &["6"]),
    b(Action::Namespace(7), &[Table], &["7"]),
    b(Action::Namespace(8), &[Table], &["8"]),
    b(Action::Namespace(9), &[Table], &["9"]),
    b(Action::Sort(SortBy::Name), ROWS, &["shift-n"]),
    b(Action::Sort(SortBy::Namespace), &[Table], &["shift-p"]),
    b(Action::Sort(SortBy::Cluster), &[Table], &["shift-l"]),
    b(Action::Sort(SortBy::Status), ROWS, &["shift-s"]),
    b(Action::Sort(SortBy::Age), &[Table], &["shift-a"]),
    b(Action::Sort(SortBy::Ready), &[Table], &["shift-r"]),
    b(Action::Sort(SortBy::Restarts), &[Table], &["shift-t"]),
    b(Action::SortLeft, ROWS, &["shift-left", "<"]),
    b(Action::SortRight, ROWS, &["shift-right", ">"]),
    b(Action::SortReverse, ROWS, &["shift-i"]),
    b(Action::Wide, ROWS, &["ctrl-w"]),
    b(Action::Columns, ROWS, &[","]),
    b(Action::Freeze, ROWS, &["z"]),
    b(Action::Refresh, ROWS, &["ctrl-r"]),
    b(Action::NewTab, ROWS, &["ctrl-t"]),
    b(Action::NextTab, ROWS, &["tab"]),
    b(Action::PreviousTab, ROWS, &["shift-tab"]),
    b(Action::CloseTab, ROWS, &["ctrl-q"]),
    b(Action::Search, &[Detail, Logs, Help], &["/"]),
    b(Action::NextMatch, &[Detail, Logs, Help], &["n"]),
    b(Action::PreviousMatch, &[Detail, Logs, Help], &["shift-n"]),
    b(Action::Fold, &[Detail], &["space", "enter"]),
    b(Action::FoldAll, &[Detail], &["z"]),
    b(Action::Wrap, &[Detail, Logs], &["w"]),
    b(Action::Reveal, &[Detail], &["x"]),
    b(Action::Follow, &[Logs], &["s"]),
    b(Action::Timestamps, &[Logs], &["t"]),
    b(Action::Containers, &[Logs], &["tab", "shift-c"]),
    b(Action::Since(0), &[Logs], &["0"]),
    b(Action::Since(1), &[Logs], &["1"]),
    b(Action::Since(2), &[Logs], &["2"]),
    b(Action::Since(3), &[Logs], &["3"]),
    b(Action::Since(4), &[Logs], &["4"]),
    b(Action::Since(5), &[Logs], &["5"]),
    b(Action::Since(6), &[Logs], &["6"]),
    b(Action::Up, NOT_TYPING, &["k", "up"]),
    b(Action::Down, NOT_TYPING, &["j", "down"]),
    b(Action::Up, &[Palette, Prompt], &["up", "ctrl-p"]),
    b(Action::Down, &[Palette, Prompt], &["down", "ctrl-n"]),
    b(Action::Left, &[Fleet, Table, Detail, Logs, Help, Doctor], &["h", "left"]),
    b(Action::Right, &[Fleet, Logs, Help, Doctor], &["l", "right"]),
    b(Action::Right, &[Table, Detail], &["right"]),
    b(Action::Left, &[List], &["h", "left"]),
    b(Action::Right, &[List], &["l", "right"]),
    b(Action::PageUp, NOT_TYPING, &["ctrl-b", "pageup"]),
    b(Action::PageDown, NOT_TYPING, &["ctrl-f", "pagedown"]),
    b(Action::PageUp, &[Palette], &["pageup"]),
    b(Action::PageDown, &[Palette], &["pagedown"]),
    b(Action::Top, NOT_TYPING, &["g", "home"]),
    b(Action::Bottom, NOT_TYPING, &["shift-g", "end"]),
    b(Action::Accept, &[List, Palette, Prompt], &["enter"]),
    b(Action::Complete, &[Prompt], &["tab"]),
    b(Action::Save, ROWS, &["ctrl-s"]),
    b(Action::Save, TEXTS, &["ctrl-s"]),
    b(Action::Quit, ALL, &["ctrl-c"]),
];

/// What the hint line offers, most useful first; what does not fit is left out from the end.
/// Help is always kept.
pub const HINTS: &[(Context, &[Action])] = &[
    (
        Fleet,
        &[
            Action::Open,
            Action::Mark,
            Action::Filter,
            Action::Command,
            Action::Connect,
            Action::Retry,
            Action::Faults,
            Action::Missing,
            Action::Palette,
            Action::Wide,
        ],
    ),
    (
        Table,
        &[
            Action::Open,
            Action::Logs,
            Action::Describe,
            Action::Yaml,
            Action::Mark,
            Action::Filter,
            Action::Faults,
            Action::Command,
            Action::Copy,
            Action::Missing,
            Action::Wide,
            Action::Palette,
        ],
    ),
    (
        Detail,
        &[
            Action::Back,
            Action::Search,
            Action::Fold,
            Action::Reveal,
            Action::Wrap,
            Action::Yaml,
            Action::Describe,
            Action::Copy,
            Action::Owner,
        ],
    ),
    (
        Logs,
        &[
            Action::Back,
            Action::Follow,
            Action::Search,
            Action::Wrap,
            Action::Timestamps,
            Action::PreviousLogs,
            Action::Containers,
            Action::Save,
        ],
    ),
    (Help, &[Action::Back, Action::Search, Action::NextMatch]),
    (Doctor, &[Action::Back, Action::Save]),
    (List, &[Action::Accept, Action::Back]),
    (Palette, &[Action::Accept, Action::Back]),
    (Prompt, &[Action::Accept, Action::Complete, Action::Back, Action::Up]),
];

impl Action {
    /// Its line in [`ACTIONS`].
    pub fn described(self) -> Option<&'static Described> {
        ACTIONS.iter().find(|d| d.action == self)
    }

    /// The name the keymap file uses.
    pub fn name(self) -> &'static str {
        self.described().map_or("", |d| d.name)
    }

    /// Finds an action by its name.
    pub fn named(name: &str) -> Option<Self> {
        ACTIONS.iter().find(|d| d.name == name).map(|d| d.action)
    }
}
