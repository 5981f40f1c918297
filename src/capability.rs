//! The capabilities of the program, as data: one row each. `tests/it/capabilities.rs` fails on a hole, and
//! `docs/reference.md` is written from the rows.

use crate::config::schema::Entry;
use crate::engine::admin::Page;
use crate::engine::metrics::table::MetricTable;
use crate::engine::proxy::admin_pages;
use crate::engine::proxy::config::schema;
use crate::engine::proxy::metrics::catalogue;
use crate::model::change::verb::{VERBS, VerbSpec};
use crate::views;
use crate::views::view::ViewSpec;

/// A capability: everything that belongs to it, on every floor.
#[derive(Debug)]
pub struct Capability {
    /// Its name, unique, as the folders and files of its floors have it.
    pub name: &'static str,
    /// Benefit for the user, in one sentence.
    pub about: &'static str,
    /// Its views. A full-screen view has a twin on the command line.
    pub views: &'static [&'static ViewSpec],
    /// Its commands on the command line, as they are typed after `qd`.
    pub commands: &'static [&'static str],
    /// The verbs by which it changes clusters.
    pub verbs: &'static [VerbSpec],
    /// The keys of its configuration file.
    pub settings: &'static [Entry],
    /// Its metrics.
    pub metrics: Option<&'static MetricTable>,
    /// The pages of its admin listener.
    pub pages: &'static [Page],
    /// The document that a user reads, below `docs/`.
    pub document: &'static str,
}

/// A capability with nothing in it.
const NONE: Capability = Capability {
    name: "",
    about: "",
    views: &[],
    commands: &[],
    verbs: &[],
    settings: &[],
    metrics: None,
    pages: &[],
    document: "guide.md",
};

/// All capabilities.
pub static ALL: &[&Capability] = &[&CLUSTERS, &LOGS, &PROXY, &CHANGE, &CONSOLE];

/// The fleet: clusters, their objects and documents.
pub static CLUSTERS: Capability = Capability {
    name: "clusters",
    about: "See every cluster, its objects, events and health, in one live table",
    views: &[&views::detail::SPEC, &views::doctor::SPEC, &views::columns::SPEC, &views::missing::SPEC],
    commands: &["clusters", "get", "describe", "events", "doctor"],
    ..NONE
};

/// Logs of containers.
pub static LOGS: Capability = Capability {
    name: "logs",
    about: "Read and follow the logs of containers",
    views: &[&views::logs::SPEC, &views::containers::SPEC],
    ..NONE
};

/// The routing proxy.
pub static PROXY: Capability = Capability {
    name: "proxy",
    about: "Serve one API endpoint in front of many clusters, each request routed by rule",
    views: &[&views::routes::SPEC, &views::routes::tester::SPEC],
    commands: &["serve", "route test", "route parse", "route lint", "route config"],
    settings: schema::DOCUMENT,
    metrics: Some(&catalogue::TABLE),
    pages: admin_pages::PAGES,
    document: "routing.md",
    ..NONE
};

/// Changes of clusters.
pub static CHANGE: Capability = Capability {
    name: "change",
    about: "Change objects in many clusters: planned, shown, agreed to, in waves, journalled, resumable",
    commands: &[
        "delete",
        "rollout restart",
        "cordon",
        "uncordon",
        "scale",
        "label",
        "plan show",
        "plan run",
        "plan resume",
        "plan list",
        "journal",
    ],
    views: &[
        &views::changes::SPEC,
        &views::changes::plan::SPEC,
        &views::changes::plan::TYPED,
        &views::changes::operation::SPEC,
        &views::changes::ask::SPEC,
        &views::changes::leave::SPEC,
    ],
    verbs: VERBS,
    document: "changes.md",
    ..NONE
};

/// The console itself: what all views share.
pub static CONSOLE: Capability = Capability {
    name: "console",
    about: "Keys, commands, filters and dialogs that all views share; the simulated fleet; the configuration",
    views: &[&views::help::SPEC, &views::palette::SPEC, &views::dialog::SPEC, &views::confirm::SPEC],
    commands: &["config effective", "completion", "demo serve"],
    ..NONE
};
