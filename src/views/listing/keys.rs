//! The keys of tables, and the actions that they have first; other views share some of them.

use crate::views::keymap::common::{
    ESCAPE, HELP, HISTORY, MOVES, QUIT, SCREEN, SIDEWAYS, SIDEWAYS_WITHOUT_L, TAB_KEY, TABS,
};
use crate::views::keymap::{Action, ActionSpec, Binding, Context, ContextSpec, bind};

/// Jumps to the node the pod runs on.
pub const NODE: Action = Action::new("node");
/// Clears all marks.
pub const CLEAR_MARKS: Action = Action::new("clear-marks");
/// Shows only what is unhealthy.
pub const FAULTS: Action = Action::new("faults");
/// Shows which clusters are missing, and why.
pub const MISSING: Action = Action::new("missing");
/// Tries to reach the cluster again.
pub const RETRY: Action = Action::new("retry");
/// Connects the marked clusters.
pub const CONNECT: Action = Action::new("connect");
/// Disconnects the marked clusters.
pub const PAUSE: Action = Action::new("pause");
/// Shows or hides the wide columns.
pub const WIDE: Action = Action::new("wide");
/// Opens the chooser of columns.
pub const COLUMNS: Action = Action::new("columns");
/// Deletes the objects.
pub const DELETE: Action = Action::new("delete");
/// Restarts the pods of workloads.
pub const RESTART: Action = Action::new("restart");
/// Sets the number of replicas.
pub const SCALE: Action = Action::new("scale");
/// Reads the inventory again.
pub const REFRESH: Action = Action::new("refresh");
/// Sorts by the column to the left.
pub const SORT_LEFT: Action = Action::new("sort-left");
/// Sorts by the column to the right.
pub const SORT_RIGHT: Action = Action::new("sort-right");
/// Reverses the sort.
pub const SORT_REVERSE: Action = Action::new("sort-reverse");
/// Sorts by name.
pub const SORT_NAME: Action = Action::new("sort-name");
/// Sorts by namespace.
pub const SORT_NAMESPACE: Action = Action::new("sort-namespace");
/// Sorts by cluster.
pub const SORT_CLUSTER: Action = Action::new("sort-cluster");
/// Sorts by status.
pub const SORT_STATUS: Action = Action::new("sort-status");
/// Sorts by age.
pub const SORT_AGE: Action = Action::new("sort-age");
/// Sorts by readiness.
pub const SORT_READY: Action = Action::new("sort-ready");
/// Sorts by restarts.
pub const SORT_RESTARTS: Action = Action::new("sort-restarts");
/// Family of the actions that show all namespaces (0) or a recent one (1 to 9).
pub const NAMESPACE: &str = "namespace-";

const fn a(action: Action, label: &'static str, help: &'static str) -> ActionSpec {
    ActionSpec::new(action, label, help)
}

const fn namespace(name: &'static str, label: &'static str, help: &'static str) -> ActionSpec {
    ActionSpec::new(Action::new(name), label, help)
}

/// Actions of tables, in the order the help lists them.
pub const ACTIONS: &[ActionSpec] = &[
    a(Action::OPEN, "open", "Open it: a cluster's pods, a pod's containers"),
    a(Action::DESCRIBE, "describe", "Describe it, with conditions, owners and events"),
    a(Action::YAML, "yaml", "Show the object as YAML"),
    a(Action::LOGS, "logs", "Follow the logs of the pod or container"),
    a(Action::PREVIOUS_LOGS, "previous", "Show the logs of the container's previous run"),
    a(Action::OWNER, "owner", "Jump to the object's owner"),
    a(NODE, "node", "Jump to the node the pod runs on"),
    a(Action::EVENTS, "events", "Show the events of the object"),
    a(Action::COPY, "copy", "Copy the name, the cell, the YAML or a kubectl command"),
    a(RESTART, "restart", "Plan a rollout restart of the row or the marked rows"),
    a(SCALE, "scale", "Plan another number of replicas"),
    a(DELETE, "delete", "Plan to delete the row or the marked rows"),
    a(Action::MARK, "mark", "Mark or unmark the row"),
    a(CLEAR_MARKS, "clear marks", "Clear all marks"),
    a(Action::FILTER, "filter", "Filter the rows; the grammar is below"),
    a(FAULTS, "faults", "Show only what is unhealthy"),
    a(MISSING, "missing", "Show which clusters are missing here, and why"),
    a(RETRY, "retry", "Try to reach the cluster again now"),
    a(CONNECT, "connect", "Connect the marked clusters"),
    a(PAUSE, "pause", "Disconnect the marked clusters; their rows stay"),
    a(Action::COMMAND, "command", "Type a command: :pods -n a,b @prod-* /filter"),
    a(Action::PALETTE, "aliases", "Find a kind, cluster, namespace, command or theme"),
    a(Action::HELP, "help", "Show the keys of this view"),
    a(Action::BACK, "back", "Close what is on top, or go back"),
    a(Action::HISTORY_BACK, "earlier", "Go back in the history of views"),
    a(Action::HISTORY_FORWARD, "later", "Go forward in the history of views"),
    a(Action::LAST_VIEW, "last view", "Switch between the last two views"),
    namespace("namespace-0", "all ns", "Show all namespaces"),
    namespace("namespace-1", "ns 1", "Show the first recent namespace"),
    namespace("namespace-2", "ns 2", "Show the second recent namespace"),
    namespace("namespace-3", "ns 3", "Show the third recent namespace"),
    namespace("namespace-4", "ns 4", "Show the fourth recent namespace"),
    namespace("namespace-5", "ns 5", "Show the fifth recent namespace"),
    namespace("namespace-6", "ns 6", "Show the sixth recent namespace"),
    namespace("namespace-7", "ns 7", "Show the seventh recent namespace"),
    namespace("namespace-8", "ns 8", "Show the eighth recent namespace"),
    namespace("namespace-9", "ns 9", "Show the ninth recent namespace"),
    a(SORT_NAME, "by name", "Sort by name; again reverses"),
    a(SORT_NAMESPACE, "by namespace", "Sort by namespace; again reverses"),
    a(SORT_CLUSTER, "by cluster", "Sort by cluster; again reverses"),
    a(SORT_STATUS, "by status", "Sort by status; again reverses"),
    a(SORT_AGE, "by age", "Sort by age; again reverses"),
    a(SORT_READY, "by ready", "Sort by readiness; again reverses"),
    a(SORT_RESTARTS, "by restarts", "Sort by restarts; again reverses"),
    a(SORT_LEFT, "sort left", "Sort by the column to the left"),
    a(SORT_RIGHT, "sort right", "Sort by the column to the right"),
    a(SORT_REVERSE, "reverse", "Reverse the sort"),
    a(WIDE, "wide", "Show or hide the wide columns"),
    a(COLUMNS, "columns", "Choose the columns"),
    a(Action::FREEZE, "freeze", "Freeze the screen; the engine keeps going"),
    a(REFRESH, "refresh", "Read the inventory again and draw anew"),
    a(Action::NEW_TAB, "new tab", "Open a tab with the same view"),
    a(Action::NEXT_TAB, "next tab", "Go to the next tab"),
    a(Action::PREVIOUS_TAB, "previous tab", "Go to the previous tab"),
    a(Action::CLOSE_TAB, "close tab", "Close the tab"),
];

/// Keys of every table.
const ROWS: &[Binding] = &[
    bind(Action::OPEN, &["enter"]),
    bind(Action::COPY, &["c"]),
    bind(Action::MARK, &["space"]),
    bind(CLEAR_MARKS, &["ctrl-\\"]),
    bind(Action::FILTER, &["/"]),
    bind(FAULTS, &["ctrl-z"]),
    bind(MISSING, &["m"]),
    bind(SORT_NAME, &["shift-n"]),
    bind(SORT_STATUS, &["shift-s"]),
    bind(SORT_LEFT, &["shift-left", "<"]),
    bind(SORT_RIGHT, &["shift-right", ">"]),
    bind(SORT_REVERSE, &["shift-i"]),
    bind(WIDE, &["ctrl-w"]),
    bind(COLUMNS, &[","]),
    bind(Action::FREEZE, &["z"]),
    bind(REFRESH, &["ctrl-r"]),
];

/// Keys of clusters.
const CLUSTERS: &[Binding] = &[bind(RETRY, &["r"]), bind(CONNECT, &["o"]), bind(PAUSE, &["p"])];

/// Keys of objects.
const OBJECTS: &[Binding] = &[
    bind(Action::DESCRIBE, &["d"]),
    bind(Action::YAML, &["y"]),
    bind(Action::LOGS, &["l"]),
    bind(Action::PREVIOUS_LOGS, &["p"]),
    bind(Action::OWNER, &["shift-j"]),
    bind(NODE, &["o"]),
    bind(Action::EVENTS, &["v"]),
    bind(RESTART, &["r"]),
    bind(SCALE, &["s"]),
    bind(DELETE, &["ctrl-d"]),
    bind(Action::new("namespace-0"), &["0"]),
    bind(Action::new("namespace-1"), &["1"]),
    bind(Action::new("namespace-2"), &["2"]),
    bind(Action::new("namespace-3"), &["3"]),
    bind(Action::new("namespace-4"), &["4"]),
    bind(Action::new("namespace-5"), &["5"]),
    bind(Action::new("namespace-6"), &["6"]),
    bind(Action::new("namespace-7"), &["7"]),
    bind(Action::new("namespace-8"), &["8"]),
    bind(Action::new("namespace-9"), &["9"]),
    bind(SORT_NAMESPACE, &["shift-p"]),
    bind(SORT_CLUSTER, &["shift-l"]),
    bind(SORT_AGE, &["shift-a"]),
    bind(SORT_READY, &["shift-r"]),
    bind(SORT_RESTARTS, &["shift-t"]),
];

/// The clusters.
pub static FLEET: ContextSpec = ContextSpec {
    context: Context::new("fleet"),
    title: "Clusters",
    is_typing: false,
    actions: &[],
    keys: &[ROWS, CLUSTERS, HISTORY, TAB_KEY, TABS, SCREEN, HELP, ESCAPE, MOVES, SIDEWAYS, QUIT],
    hints: &[
        Action::OPEN,
        Action::MARK,
        Action::FILTER,
        Action::COMMAND,
        CONNECT,
        RETRY,
        FAULTS,
        MISSING,
        Action::PALETTE,
        WIDE,
    ],
};

/// Any table of objects.
pub static TABLE: ContextSpec = ContextSpec {
    context: Context::new("table"),
    title: "Resources",
    is_typing: false,
    actions: &[],
    keys: &[ROWS, OBJECTS, HISTORY, TAB_KEY, TABS, SCREEN, HELP, ESCAPE, MOVES, SIDEWAYS_WITHOUT_L, QUIT],
    hints: &[
        Action::OPEN,
        Action::LOGS,
        Action::DESCRIBE,
        Action::YAML,
        Action::MARK,
        Action::FILTER,
        RESTART,
        SCALE,
        DELETE,
        FAULTS,
        Action::COMMAND,
        Action::COPY,
        MISSING,
        WIDE,
        Action::PALETTE,
    ],
};
