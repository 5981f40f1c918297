//! The command line: clap types here, and one file per command's work and printing below.

pub mod describe;
pub mod events;
pub mod fan_out;
pub mod get;
pub mod inspect;
pub mod log;
mod own_proxy;
pub mod progress;
pub mod route;
pub mod run;
pub mod screen;
mod selected;
pub mod serve;

use crate::engine::proxy::listen::address::Address;
use crate::model::time::UnixSeconds;
use clap::{Args, Parser, Subcommand, ValueEnum};
use std::path::PathBuf;

/// One terminal for a whole fleet of Kubernetes clusters.
///
/// Without a command, opens the console over every cluster of your kubeconfig. With one, prints what
/// the console would show, for scripts: data on stdout, everything else on stderr.
#[derive(Debug, Parser)]
#[command(name = "qd", version, about, long_about, max_term_width = 100)]
pub struct Cli {
    #[command(flatten)]
    pub fleet: FleetArgs,
    #[command(flatten)]
    pub screen: ScreenArgs,
    #[command(subcommand)]
    pub command: Option<Command>,
}

/// Which clusters, and how they are found.
#[derive(Debug, Clone, Default, Args)]
#[command(next_help_heading = "Fleet")]
pub struct FleetArgs {
    /// A kubeconfig file instead of KUBECONFIG or ~/.kube/config
    #[arg(long, global = true, value_name = "PATH")]
    pub kubeconfig: Option<PathBuf>,
    /// The context to treat as current
    #[arg(long, global = true, value_name = "NAME")]
    pub context: Option<String>,
    /// The configuration file instead of ~/.config/quarterdeck/config.yaml
    #[arg(long, global = true, value_name = "PATH")]
    pub config: Option<PathBuf>,
    /// A context whose cluster is a hub that lists others; may be given several times
    #[arg(long, global = true, value_name = "CONTEXT")]
    pub hub: Vec<String>,
    /// The provider file that says how to log in to clusters a hub lists
    #[arg(long, global = true, value_name = "PATH")]
    pub clusterprofile_provider_file: Option<PathBuf>,
    /// Only clusters whose name, context or alias matches one of these globs (comma-separated)
    #[arg(long, global = true, value_name = "GLOBS", value_delimiter = ',')]
    pub clusters: Vec<String>,
    /// Leave out clusters that match one of these globs (comma-separated)
    #[arg(long, global = true, value_name = "GLOBS", value_delimiter = ',')]
    pub exclude: Vec<String>,
    /// Only clusters of this group
    #[arg(long, global = true, value_name = "NAME")]
    pub group: Option<String>,
    /// Ask hubs again instead of using the cached inventory
    #[arg(long, global = true)]
    pub refresh: bool,
    /// Send nothing but GET to any cluster
    #[arg(long, global = true)]
    pub read_only: bool,
    /// Say more on stderr; twice for debugging
    #[arg(short, long, global = true, action = clap::ArgAction::Count)]
    pub verbose: u8,
}

/// How the console starts.
#[derive(Debug, Clone, Default, Args)]
#[command(next_help_heading = "Console")]
pub struct ScreenArgs {
    /// Open the console on a simulated fleet; needs no cluster
    #[arg(long)]
    pub demo: bool,
    /// Start with this command, as typed in the console (':pods -A')
    #[arg(short = 'c', long = "command", value_name = "COMMAND")]
    pub start: Option<String>,
    /// The theme: a name from themes/, or `auto`
    #[arg(long, value_name = "NAME")]
    pub theme: Option<String>,
    /// Start fresh instead of where the last session ended
    #[arg(long)]
    pub fresh: bool,
    /// No console but the routing proxy: the same as `qd serve`
    #[arg(long)]
    pub serve: bool,
}

#[derive(Debug, Subcommand)]
pub enum Command {
    /// List the clusters of the inventory, each with its state
    Clusters(ClustersArgs),
    /// Print objects of one or more kinds from many clusters
    #[command(visible_alias = "g")]
    Get(GetArgs),
    /// Describe objects, with their events, conditions and owners
    Describe(DescribeArgs),
    /// Print events of many clusters, warnings first
    Events(EventsArgs),
    /// Check each cluster: connection, credentials, latency, discovery
    Doctor(DoctorArgs),
    /// Show the configuration
    Config {
        #[command(subcommand)]
        command: ConfigCommand,
    },
    /// Serve one API endpoint in front of many clusters, each request routed by rule
    Serve(ServeArgs),
    /// Ask what the routing proxy would do with a request
    Route(RouteArgs),
    /// Print a completion script
    Completion { shell: clap_complete::Shell },
    /// The simulated fleet: open it, or serve it to other programs
    Demo {
        #[command(subcommand)]
        command: Option<DemoCommand>,
    },
}

#[derive(Debug, Subcommand)]
pub enum ConfigCommand {
    /// Print every value in force and the layer it came from
    Effective,
}

/// How the routing proxy is started.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Proxy")]
pub struct ServeArgs {
    #[command(flatten)]
    pub source: SourceArgs,
    /// Where clients come in: HOST:PORT or unix:PATH; may be given several times [default: 127.0.0.1:6443]
    #[arg(long, value_name = "ADDRESS")]
    pub listen: Vec<Address>,
    /// One more port for each cluster, from this one on; 0 takes free ones
    #[arg(long, value_name = "PORT")]
    pub listen_per_cluster: Option<u16>,
    /// The folder in which kubeconfig, ca.crt, token and namespace are written for clients [default: STATE-DIR/published]
    #[arg(long, value_name = "PATH")]
    pub publish_dir: Option<PathBuf>,
    /// The mode of what is published
    #[arg(long, value_name = "OCTAL", default_value = "600", value_parser = serve::mode)]
    pub publish_mode: u32,
    /// Another name or address by which clients call the proxy; may be given several times
    #[arg(long, value_name = "NAME")]
    pub san: Vec<String>,
    /// A CA that replicas share: a folder with ca.crt and ca.key, or tls.crt and tls.key
    #[arg(long, value_name = "PATH")]
    pub ca_dir: Option<PathBuf>,
    /// A token that replicas share
    #[arg(long, value_name = "PATH", conflicts_with = "new_token")]
    pub token_file: Option<PathBuf>,
    /// Make a new token; the one before ends
    #[arg(long)]
    pub new_token: bool,
    /// Callers may show certificates of this CA (PEM)
    #[arg(long, value_name = "PATH")]
    pub client_ca: Option<PathBuf>,
    /// Callers may show ServiceAccount tokens, which the home cluster reviews
    #[arg(long)]
    pub token_review: bool,
    /// Where metrics, health and state are served; `none` serves none
    #[arg(long, value_name = "ADDRESS", default_value_t = serve::AdminAt::default())]
    pub admin: serve::AdminAt,
    /// The region the proxy is in
    #[arg(long, value_name = "NAME", default_value = "")]
    pub region: String,
    /// How long requests and streams may take to end once the proxy is told to (`30s`, `2m`, or seconds)
    #[arg(long, value_name = "DURATION", default_value = "30s", value_parser = parse_seconds)]
    pub drain: u32,
    /// How the log is written, on stderr
    #[arg(long, value_enum, default_value_t)]
    pub log_format: log::LogFormat,
    /// End when standard input closes, unless told there to stay: a console starts its proxy so
    #[arg(long, hide = true)]
    pub attended: bool,
}

#[derive(Debug, Args)]
pub struct RouteArgs {
    #[command(subcommand)]
    pub command: RouteCommand,
}

#[derive(Debug, Subcommand)]
pub enum RouteCommand {
    /// Say which rule decides a request, where it would go, and why; 1 if it would be refused
    Test(RouteTestArgs),
    /// Say what in a configuration is wrong, or allowed and likely to hurt
    Lint(RouteLintArgs),
    /// Print the configuration in force, each value with where it stands
    Config(RouteConfigArgs),
    /// Read `METHOD URL` lines; print what an API server sees in each, as JSON
    Parse,
}

/// Where a proxy's configuration is.
#[derive(Debug, Clone, Default, Args)]
#[command(next_help_heading = "Proxy")]
pub struct SourceArgs {
    /// A file, a folder, or configmap:NAMESPACE/NAME in the home cluster; the inventory's clusters if not given
    #[arg(long, value_name = "SOURCE")]
    pub proxy_config: Option<String>,
    /// The folder the proxy keeps its own files in, instead of ~/.local/state/quarterdeck/proxy
    #[arg(long, value_name = "PATH")]
    pub state_dir: Option<PathBuf>,
}

/// How `qd route` prints.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ValueEnum)]
pub enum RouteOutput {
    #[default]
    Text,
    Json,
}

#[derive(Debug, Clone, Args)]
#[command(subcommand_negates_reqs = true)]
pub struct RouteTestArgs {
    /// The HTTP method
    #[arg(required = true)]
    pub method: Option<String>,
    /// The path, with its query
    #[arg(required = true)]
    pub path: Option<String>,
    /// Who sends it; whoever runs this if not given
    #[arg(long, value_name = "NAME")]
    pub user: Option<String>,
    /// A group of theirs; may be given several times
    #[arg(long, value_name = "NAME")]
    pub user_group: Vec<String>,
    /// A label of the object that is sent; may be given several times
    #[arg(long, value_name = "KEY=VALUE", value_parser = parse_label)]
    pub label: Vec<(String, String)>,
    /// The region the proxy is in, instead of the configuration's
    #[arg(long, value_name = "NAME")]
    pub region: Option<String>,
    /// When it is sent (`2026-11-21T23:00:00Z`), for windows of time; now if not given
    #[arg(long, value_name = "TIME", value_parser = parse_time)]
    pub at: Option<UnixSeconds>,
    #[arg(short, long, value_enum, default_value_t)]
    pub output: RouteOutput,
    #[command(flatten)]
    pub source: SourceArgs,
    #[command(subcommand)]
    pub command: Option<RouteTestCommand>,
}

#[derive(Debug, Clone, Subcommand)]
pub enum RouteTestCommand {
    /// Test what this kubectl command would send
    Kubectl {
        /// As kubectl takes them
        #[arg(required = true, trailing_var_arg = true, allow_hyphen_values = true, value_name = "ARGS")]
        arguments: Vec<String>,
    },
}

#[derive(Debug, Clone, Args)]
pub struct RouteLintArgs {
    #[arg(short, long, value_enum, default_value_t)]
    pub output: RouteOutput,
    /// Warnings make the exit code 1 too
    #[arg(long)]
    pub strict: bool,
    #[command(flatten)]
    pub source: SourceArgs,
}

#[derive(Debug, Clone, Args)]
pub struct RouteConfigArgs {
    #[arg(short, long, value_enum, default_value_t)]
    pub output: RouteOutput,
    /// Print the JSON Schema of a configuration, for editors
    #[arg(long, conflicts_with_all = ["proxy_config", "acknowledge"])]
    pub schema: bool,
    /// Allow the credential of this cluster to go to the endpoints that stand there now
    #[arg(long, value_name = "CLUSTER")]
    pub acknowledge: Option<String>,
    #[command(flatten)]
    pub source: SourceArgs,
}

#[derive(Debug, Subcommand)]
pub enum DemoCommand {
    /// Serve simulated API servers on loopback until interrupted
    Serve(DemoServeArgs),
}

#[derive(Debug, Clone, Args)]
pub struct DemoServeArgs {
    /// Clusters
    #[arg(long, default_value_t = 6)]
    pub count: u32,
    /// Pods in each cluster
    #[arg(long, default_value_t = 200)]
    pub pods: u32,
    /// Changes a second, over all clusters
    #[arg(long, default_value_t = 20)]
    pub changes_per_second: u32,
    /// The same seed makes the same fleet
    #[arg(long, default_value_t = 7)]
    pub seed: u64,
    /// Clusters that do not answer, half refusing and half silent
    #[arg(long, default_value_t = 0)]
    pub dead: u32,
    /// Where to write the kubeconfig; refused if a file is there that this command did not write
    #[arg(long, value_name = "PATH")]
    pub write_kubeconfig: PathBuf,
}

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
    #[default]
    Table,
    Wide,
    Json,
    Yaml,
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

#[derive(Debug, Clone, Args)]
#[expect(clippy::struct_excessive_bools, reason = "each is one flag of the command line")]
pub struct GetArgs {
    #[command(flatten)]
    pub objects: ObjectArgs,
    /// Field selector, for the servers
    #[arg(long)]
    pub field_selector: Option<String>,
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
    #[command(flatten)]
    pub fan_out: FanOutArgs,
}

#[derive(Debug, Clone, Args)]
pub struct DescribeArgs {
    #[command(flatten)]
    pub objects: ObjectArgs,
    #[command(flatten)]
    pub fan_out: FanOutArgs,
}

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
    #[arg(short, long, value_enum, default_value_t)]
    pub output: Output,
    /// Leave the heading out
    #[arg(long)]
    pub no_headers: bool,
    #[command(flatten)]
    pub fan_out: FanOutArgs,
}

#[derive(Debug, Clone, Args)]
pub struct ClustersArgs {
    #[arg(short, long, value_enum, default_value_t)]
    pub output: Output,
    /// Leave the heading out
    #[arg(long)]
    pub no_headers: bool,
    /// Only list; contact no cluster
    #[arg(long)]
    pub offline: bool,
    #[command(flatten)]
    pub fan_out: FanOutArgs,
}

#[derive(Debug, Clone, Args)]
pub struct DoctorArgs {
    #[arg(short, long, value_enum, default_value_t)]
    pub output: Output,
    #[command(flatten)]
    pub fan_out: FanOutArgs,
}

/// Reads a time as RFC 3339 has it.
fn parse_time(text: &str) -> Result<UnixSeconds, String> {
    let read: Result<jiff::Timestamp, _> = text.parse();
    read.map(|at| UnixSeconds(at.as_second())).map_err(|_| "expected a time, as in 2026-11-21T23:00:00Z".to_owned())
}

/// Reads `KEY=VALUE`.
fn parse_label(text: &str) -> Result<(String, String), String> {
    let pair = text.split_once('=').filter(|(key, _)| !key.is_empty());
    pair.map(|(key, value)| (key.to_owned(), value.to_owned())).ok_or_else(|| "expected KEY=VALUE".to_owned())
}

/// Reads `30`, `30s`, `2m`, `1h` as whole seconds, at least one.
fn parse_seconds(text: &str) -> Result<u32, String> {
    let (digits, unit) = match text.find(|c: char| !c.is_ascii_digit()) {
        Some(at) => text.split_at(at),
        None => (text, "s"),
    };
    let factor = match unit {
        "s" => 1,
        "m" => 60,
        "h" => 3600,
        _ => return Err(format!("`{unit}` is not a unit of time; use s, m or h")),
    };
    let number: u32 = digits.parse().map_err(|_| "expected a number, as in 30s".to_owned())?;
    match number.checked_mul(factor) {
        Some(0) | None => Err("expected between 1s and 1193046h".to_owned()),
        Some(seconds) => Ok(seconds),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_definition_is_consistent() {
        use clap::CommandFactory as _;
        Cli::command().debug_assert();
    }

    #[test]
    fn deadlines_read_as_kubectl_writes_them() {
        assert_eq!(parse_seconds("30"), Ok(30));
        assert_eq!(parse_seconds("2m"), Ok(120));
        assert!(parse_seconds("0").is_err());
        assert!(parse_seconds("5d").is_err());
    }
}
