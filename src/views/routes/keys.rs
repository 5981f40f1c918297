//! The keys of the Routes view.

use crate::views::keymap::common::{CLOSE, HELP, HISTORY, MOVES, QUIT, SCREEN, TABS};
use crate::views::keymap::{Action, ActionSpec, Binding, Context, ContextSpec, bind};

/// Shows the next section.
pub(super) const NEXT_SECTION: Action = Action::new("next-section");
/// Shows the section before.
pub(super) const PREVIOUS_SECTION: Action = Action::new("previous-section");
/// Family of the actions that show a section by its digit.
pub(super) const SECTION: &str = "section-";
/// The actions of that family.
pub(super) const SECTIONS: [Action; 4] =
    [Action::new("section-1"), Action::new("section-2"), Action::new("section-3"), Action::new("section-4")];
/// Opens the tester.
pub(super) const TEST_ROUTE: Action = Action::new("test-route");
/// Sends nothing new to the cluster.
pub(super) const DRAIN: Action = Action::new("drain");
/// Sends nothing to the cluster.
pub(super) const BLOCK: Action = Action::new("block");
/// Opens a drained or blocked cluster again.
pub(super) const REOPEN: Action = Action::new("reopen");
/// Reads the proxy's configuration again.
pub(super) const RELOAD: Action = Action::new("reload");
/// Starts a proxy on this machine.
pub(super) const START_PROXY: Action = Action::new("start-proxy");
/// Stops the proxy that was started here.
pub(super) const STOP_PROXY: Action = Action::new("stop-proxy");
/// Lets the proxy stay when qd ends, or not.
pub(super) const KEEP_PROXY: Action = Action::new("keep-proxy");

const fn a(action: Action, label: &'static str, help: &'static str) -> ActionSpec {
    ActionSpec::new(action, label, help)
}

/// Actions of the view, in the order the help lists them. `fence` and `unfence` are the names of one release ago.
const ACTIONS: &[ActionSpec] = &[
    a(NEXT_SECTION, "sections", "Show the next part of the view"),
    a(PREVIOUS_SECTION, "back", "Show the part before"),
    a(Action::new("section-1"), "rules", "Show the rules, in the order they are tried"),
    a(Action::new("section-2"), "clusters", "Show the proxy's clusters"),
    a(Action::new("section-3"), "requests", "Show the requests as they come"),
    a(Action::new("section-4"), "findings", "Show what the lint found"),
    a(TEST_ROUTE, "test", "Test which way a request would go, and why"),
    a(DRAIN, "drain", "Send nothing new to the cluster; again reopens it"),
    a(BLOCK, "block", "Send nothing to the cluster; again reopens it").with_aliases(&["fence"]),
    a(REOPEN, "reopen", "Reopen a drained or blocked cluster").with_aliases(&["unfence"]),
    a(RELOAD, "reload", "Read the proxy's configuration again"),
    a(START_PROXY, "start", "Start a proxy on this machine"),
    a(STOP_PROXY, "stop", "Stop the proxy that was started here"),
    a(KEEP_PROXY, "keep", "Let the proxy stay when qd ends, or not"),
];

const KEYS: &[Binding] = &[
    bind(Action::OPEN, &["enter"]),
    bind(Action::FILTER, &["/"]),
    bind(Action::FREEZE, &["z"]),
    bind(NEXT_SECTION, &["tab", "l", "right"]),
    bind(PREVIOUS_SECTION, &["shift-tab", "h", "left"]),
    bind(Action::new("section-1"), &["1"]),
    bind(Action::new("section-2"), &["2"]),
    bind(Action::new("section-3"), &["3"]),
    bind(Action::new("section-4"), &["4"]),
    bind(TEST_ROUTE, &["t"]),
    bind(DRAIN, &["d"]),
    bind(BLOCK, &["f"]),
    bind(REOPEN, &["u"]),
    bind(RELOAD, &["r"]),
    bind(START_PROXY, &["s"]),
    bind(STOP_PROXY, &["x"]),
    bind(KEEP_PROXY, &["o"]),
];

/// The routing proxy.
pub(super) static CONTEXT: ContextSpec = ContextSpec {
    context: Context::new("routes"),
    title: "Routes",
    is_typing: false,
    actions: ACTIONS,
    keys: &[KEYS, SCREEN, HISTORY, TABS, HELP, CLOSE, MOVES, QUIT],
    hints: &[
        START_PROXY,
        NEXT_SECTION,
        Action::OPEN,
        DRAIN,
        BLOCK,
        REOPEN,
        Action::FREEZE,
        Action::FILTER,
        TEST_ROUTE,
        RELOAD,
        STOP_PROXY,
        KEEP_PROXY,
        Action::BACK,
    ],
};
