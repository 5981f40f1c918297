//! A proxy's configuration as the command line names it: the one place where `qd serve` and `qd route` come by the
//! source, what it is read with, and the state folder.

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

/// The proxy's own folder below ours.
const STATE: &str = "proxy";

/// Reads the source that is meant; `listing` and `readings` of it go with [`ground`].
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

/// Where the proxy keeps its authority, its token, what credentials are bound to, and where it says that it runs.
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

/// Whoever runs this, as the proxy calls the bearer of its token.
pub(in crate::cli) fn own_name(settings: &Settings) -> String {
    let uid = || format!("uid:{}", rustix::process::getuid().as_raw());
    settings.environment.user.clone().unwrap_or_else(uid)
}

/// What readings are made on: the inventory with only those clusters that are meant, and the way to the home cluster.
/// Everything is read again when `nudge` is notified.
pub(in crate::cli) fn ground(access: Access, fleet: &FleetArgs, nudge: Arc<Notify>) -> LoadContext {
    LoadContext {
        inventory: Arc::new(Selected::new(access.inventory, fleet)),
        endpoints: access.endpoints,
        connector: access.connector,
        nudge,
    }
}

/// What the source says now.
pub(super) async fn reading(
    loader: &Loader,
    fleet: &FleetArgs,
    settings: &Settings,
) -> Result<ParsedConfig, ConfigErrors> {
    // Nobody is asked anything: the way is that of a server.
    look(loader, &ground(access(settings, Terminal::Taken), fleet, Arc::default())).await
}

/// A configuration that cannot be used, with all that is wrong with it.
pub(in crate::cli) fn refused(loader: &Loader, refused: ConfigErrors) -> UserError {
    let message = format!("{}: the configuration is refused", loader.origin());
    let error = UserError::new(ErrorKind::Config, message);
    refused.flaws.into_iter().fold(error, |error, flaw| error.cause(flaw.to_string()))
}
