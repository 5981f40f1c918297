//! Arguments of the routing proxy: `qd serve` and `qd route`.

use crate::cli::values::{parse_label, parse_seconds, parse_time};
use crate::cli::{log, serve};
use crate::engine::address::Address;
use crate::model::time::UnixSeconds;
use clap::builder::NonEmptyStringValueParser;
use clap::{Args, Subcommand, ValueEnum};
use std::path::PathBuf;

/// How the routing proxy is started.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Proxy")]
pub struct ServeArgs {
    /// The configuration of the proxy, and its state folder.
    #[command(flatten)]
    pub source: SourceArgs,
    /// Where clients come in: HOST:PORT or unix:PATH; may be given several times [default: 127.0.0.1:6443]
    #[arg(long, value_name = "ADDRESS")]
    pub listen: Vec<Address>,
    /// Add a port for each cluster, from this one on; 0 takes free ones
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
    /// Callers may show ServiceAccount tokens, which the home cluster reviews: a POST that --read-only lets pass
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

/// The arguments of `qd route`.
#[derive(Debug, Args)]
pub struct RouteArgs {
    /// The subcommand.
    #[command(subcommand)]
    pub command: RouteCommand,
}

/// The subcommands of `qd route`.
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
    /// Text for people
    #[default]
    Text,
    /// A JSON document
    Json,
}

/// The arguments of `qd route test`.
#[derive(Debug, Clone, Args)]
#[command(subcommand_negates_reqs = true)]
pub struct RouteTestArgs {
    /// The HTTP method
    #[arg(required = true)]
    pub method: Option<String>,
    /// The path, with its query
    #[arg(required = true)]
    pub path: Option<String>,
    /// The user who sends it; you if not given
    #[arg(long, value_name = "NAME", value_parser = NonEmptyStringValueParser::new())]
    pub user: Option<String>,
    /// A group of theirs; may be given several times
    #[arg(long, value_name = "NAME", value_parser = NonEmptyStringValueParser::new())]
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
    /// Output format
    #[arg(short, long, value_enum, default_value_t)]
    pub output: RouteOutput,
    /// The configuration of the proxy, and its state folder.
    #[command(flatten)]
    pub source: SourceArgs,
    /// A command whose requests are tested in place of `method` and `path`; `None` without one.
    #[command(subcommand)]
    pub command: Option<RouteTestCommand>,
}

/// The subcommands of `qd route test`.
#[derive(Debug, Clone, Subcommand)]
pub enum RouteTestCommand {
    /// Test what this kubectl command would send
    Kubectl {
        /// As kubectl takes them
        #[arg(required = true, trailing_var_arg = true, allow_hyphen_values = true, value_name = "ARGS")]
        arguments: Vec<String>,
    },
}

/// The arguments of `qd route lint`.
#[derive(Debug, Clone, Args)]
pub struct RouteLintArgs {
    /// Output format
    #[arg(short, long, value_enum, default_value_t)]
    pub output: RouteOutput,
    /// Warnings make the exit code 1 too
    #[arg(long)]
    pub strict: bool,
    /// The configuration of the proxy, and its state folder.
    #[command(flatten)]
    pub source: SourceArgs,
}

/// The arguments of `qd route config`.
#[derive(Debug, Clone, Args)]
pub struct RouteConfigArgs {
    /// Output format
    #[arg(short, long, value_enum, default_value_t)]
    pub output: RouteOutput,
    /// Print the JSON Schema of a configuration, for editors
    #[arg(long, conflicts_with_all = ["proxy_config", "acknowledge"])]
    pub schema: bool,
    /// Allow the credential of this cluster to go to the endpoints that stand there now
    #[arg(long, value_name = "CLUSTER")]
    pub acknowledge: Option<String>,
    /// The configuration of the proxy, and its state folder.
    #[command(flatten)]
    pub source: SourceArgs,
}
