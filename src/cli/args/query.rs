//! Arguments of the commands that query many clusters: objects, limits, output.

use crate::cli::values::parse_seconds;
use clap::{Args, ValueEnum};

/// How a failed cluster counts in the exit code.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ValueEnum)]
pub enum FailOn {
    /// 1 when any cluster failed
    #[default]
    Any,
    /// 1 only when all failed
    All,
    /// 0 even then; failures are still reported on stderr
    None,
}

/// How answers are printed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ValueEnum)]
pub enum Output {
    /// A table
    #[default]
    Table,
    /// A table with all columns
    Wide,
    /// A JSON document
    Json,
    /// A YAML document
    Yaml,
    /// Names only
    Name,
}

/// How many clusters at once, for how long, and what a failure means.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Fan-out")]
pub struct FanOutArgs {
    /// Clusters asked at the same time
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=1000))]
    pub concurrency: Option<u32>,
    /// Deadline for one cluster (`30s`, `2m`, or seconds)
    #[arg(long, value_name = "DURATION", value_parser = parse_seconds)]
    pub timeout: Option<u32>,
    /// When failed clusters make the exit code 1
    #[arg(long, value_enum, default_value_t)]
    pub fail_on: FailOn,
}

/// Which objects.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Objects")]
pub struct ObjectArgs {
    /// Kinds and names, as kubectl takes them
    #[arg(required = true, value_name = "TYPE[,TYPE] [NAME]...|TYPE/NAME")]
    pub what: Vec<String>,
    /// The namespace; each context's own if not given
    #[arg(short, long)]
    pub namespace: Option<String>,
    /// All namespaces
    #[arg(short = 'A', long, conflicts_with = "namespace")]
    pub all_namespaces: bool,
    /// Label selector, for the servers
    #[arg(short = 'l', long)]
    pub selector: Option<String>,
}

/// The arguments of `qd get`.
#[derive(Debug, Clone, Args)]
#[expect(clippy::struct_excessive_bools, reason = "each is one flag of the command line")]
pub struct GetArgs {
    /// The kinds and objects, and their namespace.
    #[command(flatten)]
    pub objects: ObjectArgs,
    /// Field selector, for the servers
    #[arg(long)]
    pub field_selector: Option<String>,
    /// Output format
    #[arg(short, long, value_enum, default_value_t)]
    pub output: Output,
    /// Leave the heading out
    #[arg(long)]
    pub no_headers: bool,
    /// Sort by a JSONPath of the object ('{.metadata.creationTimestamp}'), over all clusters
    #[arg(long, value_name = "JSONPATH")]
    pub sort_by: Option<String>,
    /// Labels as columns (comma-separated)
    #[arg(short = 'L', long, value_delimiter = ',', value_name = "LABELS")]
    pub label_columns: Vec<String>,
    /// All labels as the last column
    #[arg(long)]
    pub show_labels: bool,
    /// With -o json or yaml: one v1 List, each item annotated with its cluster
    #[arg(long)]
    pub flat: bool,
    /// With -o json or yaml: keep metadata.managedFields
    #[arg(long)]
    pub show_managed_fields: bool,
    /// Print each cluster as it answers instead of all together
    #[arg(long)]
    pub stream: bool,
    /// Not finding a named object is no error
    #[arg(long)]
    pub ignore_not_found: bool,
    /// Limits of the fan-out, and the effect of failures on the exit code.
    #[command(flatten)]
    pub fan_out: FanOutArgs,
}

/// The arguments of `qd describe`.
#[derive(Debug, Clone, Args)]
pub struct DescribeArgs {
    /// The kinds and objects, and their namespace.
    #[command(flatten)]
    pub objects: ObjectArgs,
    /// Limits of the fan-out, and the effect of failures on the exit code.
    #[command(flatten)]
    pub fan_out: FanOutArgs,
}

/// The arguments of `qd events`.
#[derive(Debug, Clone, Args)]
pub struct EventsArgs {
    /// The namespace; each context's own if not given
    #[arg(short, long)]
    pub namespace: Option<String>,
    /// All namespaces
    #[arg(short = 'A', long, conflicts_with = "namespace")]
    pub all_namespaces: bool,
    /// Only events of this object (TYPE/NAME)
    #[arg(long = "for", value_name = "TYPE/NAME")]
    pub about: Option<String>,
    /// Only these types (Normal, Warning)
    #[arg(long, value_delimiter = ',')]
    pub types: Vec<String>,
    /// Output format
    #[arg(short, long, value_enum, default_value_t)]
    pub output: Output,
    /// Leave the heading out
    #[arg(long)]
    pub no_headers: bool,
    /// Limits of the fan-out, and the effect of failures on the exit code.
    #[command(flatten)]
    pub fan_out: FanOutArgs,
}

/// The arguments of `qd clusters`.
#[derive(Debug, Clone, Args)]
pub struct ClustersArgs {
    /// Output format
    #[arg(short, long, value_enum, default_value_t)]
    pub output: Output,
    /// Leave the heading out
    #[arg(long)]
    pub no_headers: bool,
    /// Only list; contact no cluster
    #[arg(long)]
    pub offline: bool,
    /// Limits of the fan-out, and the effect of failures on the exit code.
    #[command(flatten)]
    pub fan_out: FanOutArgs,
}

/// The arguments of `qd doctor`.
#[derive(Debug, Clone, Args)]
pub struct DoctorArgs {
    /// Output format
    #[arg(short, long, value_enum, default_value_t)]
    pub output: Output,
    /// Limits of the fan-out, and the effect of failures on the exit code.
    #[command(flatten)]
    pub fan_out: FanOutArgs,
}
