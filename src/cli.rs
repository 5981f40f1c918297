//! The command line: its common flags here, the arguments of the commands in `args`, and one file per command for its
//! work and its output.

pub mod args;
pub mod change;
mod context;
pub mod describe;
pub mod events;
pub mod fan_out;
pub mod get;
pub mod inspect;
mod inventory_filter;
pub mod log;
pub mod print;
pub mod progress;
mod proxy_launcher;
pub mod route;
pub mod run;
pub mod screen;
pub mod serve;
mod sought;
mod temporary_folder;
mod turns;
mod values;
mod wanted;

pub use super::cli::args::change::{
    CarryOutArgs, CascadeMode, ChangeCommand, ChangeOutput, ConsentArgs, DeleteArgs, JournalArgs, LabelArgs, NodeArgs,
    PlanCommand, RestartArgs, RolloutCommand, ScaleArgs, SubjectArgs,
};
pub use super::cli::args::query::{
    ClustersArgs, DescribeArgs, DoctorArgs, EventsArgs, FailOn, FanOutArgs, GetArgs, ObjectArgs, Output,
};
pub use super::cli::args::serve::{
    RouteArgs, RouteCommand, RouteConfigArgs, RouteLintArgs, RouteOutput, RouteTestArgs, RouteTestCommand, ServeArgs,
    SourceArgs,
};

use clap::builder::NonEmptyStringValueParser;
use clap::{Args, Parser, Subcommand};
use std::path::PathBuf;

/// The program in a sentence.
const ABOUT: &str = "One terminal for a whole fleet of Kubernetes clusters";

/// The program in a paragraph, for `--help`.
const LONG_ABOUT: &str = "One terminal for a whole fleet of Kubernetes clusters.\n\nWithout a command, opens the console over every cluster of your kubeconfig. With one, prints what the console would show, for scripts: data on stdout, everything else on stderr.";

/// The command line of `qd`.
#[derive(Debug, Parser)]
#[command(name = "qd", version, about = ABOUT, long_about = LONG_ABOUT, max_term_width = 100)]
pub struct Cli {
    /// Flags that choose the clusters.
    #[command(flatten)]
    pub fleet: FleetArgs,
    /// Flags of the console.
    #[command(flatten)]
    pub screen: ScreenArgs,
    /// The command; `None` opens the console.
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
    #[arg(long, global = true, value_name = "CONTEXT", value_parser = NonEmptyStringValueParser::new())]
    pub hub: Vec<String>,
    /// The provider file that says how to log in to clusters a hub lists
    #[arg(long, global = true, value_name = "PATH")]
    pub clusterprofile_provider_file: Option<PathBuf>,
    /// Only clusters whose name, context or alias matches one of these globs (comma-separated)
    #[arg(long, global = true, value_name = "GLOBS", value_delimiter = ',', value_parser = NonEmptyStringValueParser::new())]
    pub clusters: Vec<String>,
    /// Leave out clusters that match one of these globs (comma-separated)
    #[arg(long, global = true, value_name = "GLOBS", value_delimiter = ',', value_parser = NonEmptyStringValueParser::new())]
    pub exclude: Vec<String>,
    /// Only clusters of this group
    #[arg(long, global = true, value_name = "NAME", value_parser = NonEmptyStringValueParser::new())]
    pub group: Option<String>,
    /// Ask hubs again instead of using the cached inventory
    #[arg(long, global = true)]
    pub refresh: bool,
    /// Send only GET and HEAD to clusters, and none to exec, attach, portforward and proxy; --token-review is excepted
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

/// The commands.
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
    /// The commands that change clusters.
    #[command(flatten)]
    Change(ChangeCommand),
    /// Show the configuration
    Config {
        /// The subcommand of `config`.
        #[command(subcommand)]
        command: ConfigCommand,
    },
    /// Serve one API endpoint in front of many clusters, each request routed by rule
    Serve(ServeArgs),
    /// Ask what the routing proxy would do with a request
    Route(RouteArgs),
    /// Print a completion script
    Completion {
        /// The shell
        shell: clap_complete::Shell,
    },
    /// The simulated fleet: open it, or serve it to other programs
    Demo {
        /// The subcommand of `demo`; `None` opens the console on the demo fleet.
        #[command(subcommand)]
        command: Option<DemoCommand>,
    },
}

/// The subcommands of `qd config`.
#[derive(Debug, Subcommand)]
pub enum ConfigCommand {
    /// Print every value in force and the layer it came from
    Effective,
}

/// The subcommands of `qd demo`.
#[derive(Debug, Subcommand)]
pub enum DemoCommand {
    /// Serve simulated API servers on loopback until interrupted
    Serve(DemoServeArgs),
}

/// The arguments of `qd demo serve`.
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_definition_is_consistent() {
        use clap::CommandFactory as _;
        Cli::command().debug_assert();
    }
}
