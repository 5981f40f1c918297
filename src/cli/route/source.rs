//! The configuration of a proxy as the command line names it: used by `qd serve` and `qd route` for the source, its
//! context, and the state folder.

use crate::cli::context::{Access, Settings, access};
use crate::cli::inventory_filter::Selected;
use crate::cli::{FleetArgs, SourceArgs};
use crate::engine::k8s::credentials::plugin::Terminal;
use crate::engine::proxy::config::read::{ConfigErrors, ParsedConfig};
use crate::engine::proxy::source::{LoadContext, Loader, Source, look};
use crate::error::{ErrorKind, UserError};
use std::path::PathBuf;
use std::sync::Arc;
use tokio::sync::Notify;

/// Folder of the proxy in the state folder.
const STATE: &str = "proxy";

/// Makes the loader of the configuration; [`ground`] is its context. Fails if `--proxy-config` is malformed, or if
/// there is no state folder.
pub(in crate::cli) fn loader(args: &SourceArgs, settings: &Settings) -> Result<Loader, UserError> {
    let environment = &settings.environment;
    let source = match &args.proxy_config {
        None => Source::Inventory,
        Some(text) => {
            let resolve = |path: &str| environment.resolve(path, &environment.working_folder);
            let wrong = |why| UserError::new(ErrorKind::Usage, format!("--proxy-config: {why}"));
            Source::parse(text, resolve).map_err(wrong)?
        }
    };
    Ok(Loader::new(source, Arc::clone(environment), Arc::clone(&settings.config), state_dir(args, settings)?))
}

/// The folder for the authority, the token, the credential pins and the run state of the proxy. Fails if neither
/// `--state-dir` nor HOME is set.
pub(in crate::cli) fn state_dir(args: &SourceArgs, settings: &Settings) -> Result<PathBuf, UserError> {
    let environment = &settings.environment;
    let own = environment.state_folder.as_ref().map(|folder| folder.join(STATE));
    let given = args.state_dir.as_ref().map(|folder| environment.working_folder.join(folder));
    let none = || {
        UserError::new(ErrorKind::Config, "there is no folder for the proxy's own files: HOME is not set")
            .hint("name one with --state-dir")
    };
    given.or(own).ok_or_else(none)
}

/// Name of the user of this process, as the proxy calls the bearer of its token.
pub(in crate::cli) fn own_name(settings: &Settings) -> String {
    let uid = || format!("uid:{}", rustix::process::getuid().as_raw());
    settings.environment.user.clone().unwrap_or_else(uid)
}

/// The context of a load: the inventory with the selected clusters only, and the connection to the home cluster.
/// `nudge` makes it load again.
pub(in crate::cli) fn ground(access: Access, fleet: &FleetArgs, nudge: Arc<Notify>) -> LoadContext {
    LoadContext {
        inventory: Arc::new(Selected::new(access.inventory, fleet)),
        endpoints: access.endpoints,
        connector: access.connector,
        nudge,
    }
}

/// Loads the configuration once. Fails if it cannot be read or is invalid.
pub(super) async fn reading(
    loader: &Loader,
    fleet: &FleetArgs,
    settings: &Settings,
) -> Result<ParsedConfig, ConfigErrors> {
    // Nobody is asked anything: the way is that of a server.
    look(loader, &ground(access(settings, Terminal::Taken), fleet, Arc::default())).await
}

/// The error for an invalid configuration, with all its problems.
pub(in crate::cli) fn refused(loader: &Loader, refused: ConfigErrors) -> UserError {
    let message = format!("{}: the configuration is refused", loader.origin());
    let error = UserError::new(ErrorKind::Config, message);
    refused.flaws.into_iter().fold(error, |error, flaw| error.cause(flaw.to_string()))
}
