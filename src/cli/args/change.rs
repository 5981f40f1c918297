//! The command line of what changes clusters: which objects, how carefully, and who agrees.

use crate::cli::values::parse_seconds;
use crate::model::change::{Cascade, label};
use clap::builder::NonEmptyStringValueParser;
use clap::{Args, Subcommand, ValueEnum};
use std::path::PathBuf;

/// The commands that change clusters, or tell of changes.
#[derive(Debug, Subcommand)]
pub enum ChangeCommand {
    /// Delete objects in many clusters, after you have seen which
    Delete(DeleteArgs),
    /// Restart workloads
    Rollout {
        /// The action on the rollout
        #[command(subcommand)]
        command: RolloutCommand,
    },
    /// Mark nodes as unschedulable
    Cordon(NodeArgs),
    /// Mark nodes as schedulable
    Uncordon(NodeArgs),
    /// Set the number of replicas
    Scale(ScaleArgs),
    /// Set and remove labels (KEY=VALUE, KEY-)
    Label(LabelArgs),
    /// Show, run, resume and list plans of changes
    Plan {
        /// The action on plans
        #[command(subcommand)]
        command: PlanCommand,
    },
    /// Print the journal of changes: who changed what, where, and what came of it
    Journal(JournalArgs),
}

/// Actions on a rollout.
#[derive(Debug, Subcommand)]
pub enum RolloutCommand {
    /// Restart the pods of Deployments, StatefulSets and DaemonSets, a few at a time
    Restart(RestartArgs),
}

/// How results are printed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ValueEnum)]
pub enum ChangeOutput {
    /// A table
    #[default]
    Table,
    /// A JSON document
    Json,
    /// A YAML document
    Yaml,
}

/// Which objects are changed.
#[derive(Debug, Clone, Default, Args)]
#[command(next_help_heading = "Objects")]
pub struct SubjectArgs {
    /// The namespace; each context's own if not given
    #[arg(short, long)]
    pub namespace: Option<String>,
    /// All namespaces
    #[arg(short = 'A', long, conflicts_with = "namespace")]
    pub all_namespaces: bool,
    /// Label selector, for the servers
    #[arg(short = 'l', long, value_parser = NonEmptyStringValueParser::new())]
    pub selector: Option<String>,
    /// All objects of the type
    #[arg(long)]
    pub all: bool,
}

/// How the change is carried out.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Change")]
pub struct CarryOutArgs {
    /// Print the plan and change nothing
    #[arg(long)]
    pub dry_run: bool,
    /// Write the plan to this file and change nothing
    #[arg(long, value_name = "FILE", conflicts_with = "dry_run")]
    pub plan_out: Option<PathBuf>,
    /// This cluster first, alone
    #[arg(long, value_name = "CLUSTER", value_parser = NonEmptyStringValueParser::new())]
    pub canary: Option<String>,
    /// Clusters changed at the same time; protected ones are always changed one by one
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..=1000))]
    pub wave: u32,
    /// Begin nothing new when more targets than this have failed
    #[arg(long, value_name = "N", default_value_t = 0)]
    pub max_failures: u32,
    /// How long a target may take to settle (`30s`, `5m`)
    #[arg(long, value_name = "DURATION", default_value = "5m", value_parser = parse_seconds)]
    pub settle: u32,
    /// Deadline of one answer (`30s`, `2m`)
    #[arg(long, value_name = "DURATION", value_parser = parse_seconds)]
    pub timeout: Option<u32>,
    /// Consent and output.
    #[command(flatten)]
    pub consent: ConsentArgs,
}

/// Consent, and the form of the result.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Change")]
pub struct ConsentArgs {
    /// Agree for guarded clusters; does not serve for protected ones
    #[arg(long)]
    pub yes: bool,
    /// Agree by name: each protected cluster, and each Namespace, CustomResourceDefinition and PersistentVolume to delete
    #[arg(long, value_name = "NAME", value_delimiter = ',', value_parser = NonEmptyStringValueParser::new())]
    pub confirm: Vec<String>,
    /// Output format
    #[arg(short, long, value_enum, default_value_t)]
    pub output: ChangeOutput,
}

/// Arguments of `qd delete`.
#[derive(Debug, Clone, Args)]
pub struct DeleteArgs {
    /// Kinds and names, as kubectl takes them
    #[arg(required = true, value_name = "TYPE[,TYPE] [NAME]...|TYPE/NAME")]
    pub what: Vec<String>,
    /// Objects to change.
    #[command(flatten)]
    pub subject: SubjectArgs,
    /// Whether dependents are deleted after the object, before it, or not at all
    #[arg(long, value_enum, value_name = "MODE", default_value_t)]
    pub cascade: CascadeMode,
    /// Seconds an object gets to end by itself
    #[arg(long, value_name = "SECONDS")]
    pub grace_period: Option<u32>,
    /// Order, limits, consent.
    #[command(flatten)]
    pub carry_out: CarryOutArgs,
}

/// Treatment of the dependents of a deleted object.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ValueEnum)]
pub enum CascadeMode {
    /// Dependents are deleted after the object
    #[default]
    Background,
    /// Dependents are deleted before the object
    Foreground,
    /// Dependents stay
    Orphan,
}

impl From<CascadeMode> for Cascade {
    fn from(mode: CascadeMode) -> Self {
        match mode {
            CascadeMode::Background => Self::Background,
            CascadeMode::Foreground => Self::Foreground,
            CascadeMode::Orphan => Self::Orphan,
        }
    }
}

/// Arguments of `qd rollout restart`.
#[derive(Debug, Clone, Args)]
pub struct RestartArgs {
    /// Kinds and names, as kubectl takes them
    #[arg(required = true, value_name = "TYPE[,TYPE] [NAME]...|TYPE/NAME")]
    pub what: Vec<String>,
    /// Objects to change.
    #[command(flatten)]
    pub subject: SubjectArgs,
    /// Order, limits, consent.
    #[command(flatten)]
    pub carry_out: CarryOutArgs,
}

/// Arguments of `qd cordon` and `qd uncordon`.
#[derive(Debug, Clone, Args)]
pub struct NodeArgs {
    /// Nodes, by name or as node/NAME
    #[arg(value_name = "NODE|node/NAME")]
    pub what: Vec<String>,
    /// Label selector, for the servers
    #[arg(short = 'l', long, value_parser = NonEmptyStringValueParser::new())]
    pub selector: Option<String>,
    /// All nodes
    #[arg(long)]
    pub all: bool,
    /// Order, limits, consent.
    #[command(flatten)]
    pub carry_out: CarryOutArgs,
}

/// Arguments of `qd scale`.
#[derive(Debug, Clone, Args)]
pub struct ScaleArgs {
    /// Kinds and names, as kubectl takes them
    #[arg(required = true, value_name = "TYPE[,TYPE] [NAME]...|TYPE/NAME")]
    pub what: Vec<String>,
    /// Objects to change.
    #[command(flatten)]
    pub subject: SubjectArgs,
    /// The new number of replicas
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(0..=2_147_483_647))]
    pub replicas: u32,
    /// Order, limits, consent.
    #[command(flatten)]
    pub carry_out: CarryOutArgs,
}

/// Arguments of `qd label`.
#[derive(Debug, Clone, Args)]
pub struct LabelArgs {
    /// Kinds and names, as kubectl takes them, then the labels
    #[arg(required = true, value_name = "TYPE[,TYPE] [NAME]...|TYPE/NAME|KEY=VALUE|KEY-")]
    pub what: Vec<String>,
    /// Objects to change.
    #[command(flatten)]
    pub subject: SubjectArgs,
    /// Labels that have another value may be set
    #[arg(long)]
    pub overwrite: bool,
    /// Order, limits, consent.
    #[command(flatten)]
    pub carry_out: CarryOutArgs,
}

impl LabelArgs {
    /// Takes the words apart: those that name objects, and those that are labels.
    pub(crate) fn words(&self) -> (Vec<String>, Vec<&String>) {
        let is_label = |word: &&String| label::split(word).is_some();
        (
            self.what.iter().filter(|word| !is_label(word)).cloned().collect(),
            self.what.iter().filter(is_label).collect(),
        )
    }
}

/// Actions on plans.
#[derive(Debug, Subcommand)]
pub enum PlanCommand {
    /// Print a plan, and how far it is
    Show {
        /// A file that --plan-out wrote, or the id of a plan
        #[arg(value_name = "FILE|ID")]
        plan: String,
        /// Output format
        #[arg(short, long, value_enum, default_value_t)]
        output: ChangeOutput,
    },
    /// Check a plan again, ask, and carry it out
    Run {
        /// A file that --plan-out wrote
        #[arg(value_name = "FILE|ID")]
        plan: String,
        /// Consent and output.
        #[command(flatten)]
        consent: ConsentArgs,
    },
    /// Go on with an operation that was interrupted
    Resume {
        /// The id of the operation, or the file of its plan
        #[arg(value_name = "FILE|ID")]
        plan: String,
        /// Consent and output.
        #[command(flatten)]
        consent: ConsentArgs,
    },
    /// List operations: running, interrupted, done, partial, failed
    List {
        /// Output format
        #[arg(short, long, value_enum, default_value_t)]
        output: ChangeOutput,
    },
}

/// Arguments of `qd journal`.
#[derive(Debug, Clone, Args)]
pub struct JournalArgs {
    /// Only what is not older than this (`30m`, `12h`)
    #[arg(long, value_name = "DURATION", value_parser = parse_seconds)]
    pub since: Option<u32>,
    /// Output format
    #[arg(short, long, value_enum, default_value_t)]
    pub output: ChangeOutput,
}
