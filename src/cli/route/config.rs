//! `qd route config`: the configuration in force, with the place of each value.

use super::source;
use crate::cli::context::Settings;
use crate::cli::print::write;
use crate::cli::{Cli, RouteConfigArgs, RouteOutput};
use crate::config::schema::json_schema;
use crate::engine::proxy::config::{effective, schema};
use crate::error::{ErrorKind, UserError};
use crate::model::API_VERSION;
use crate::report::document::json_text;
use std::io::{stderr, stdout};

/// Prints the configuration, or its schema, or allows a credential to be sent to the present endpoints of a cluster.
/// Fails if the configuration is invalid, or if the output cannot be written.
pub(in crate::cli) async fn run(args: &RouteConfigArgs, cli: &Cli, settings: &Settings) -> Result<u8, UserError> {
    let json = |value: &serde_json::Value| json_text(value).map_err(|why| UserError::new(ErrorKind::Internal, why));
    if args.schema {
        write(&mut stdout(), &json(&json_schema(schema::TITLE, schema::DOCUMENT))?)?;
        return Ok(0);
    }
    let loader = source::loader(&args.source, settings)?;
    let read = source::reading(&loader, &cli.fleet, settings).await;
    let reading = read.map_err(|refused| source::refused(&loader, refused))?;
    let wrong = |why| UserError::new(ErrorKind::Config, why);
    if let Some(cluster) = &args.acknowledge {
        loader.acknowledge(&reading, cluster).map_err(wrong)?;
        let named = reading.config.clusters.iter().find(|known| *known.name == **cluster);
        let servers = named.into_iter().flat_map(|known| &known.endpoints).map(|endpoint| endpoint.server.as_str());
        let servers: Vec<&str> = servers.collect();
        write(&mut stdout(), &format!("the credential of {cluster} may go to {}\n", servers.join(", ")))?;
        return Ok(0);
    }
    let text = match args.output {
        RouteOutput::Text => effective::yaml(&reading.config, &reading.origins),
        RouteOutput::Json => json(&serde_json::json!({
            "apiVersion": API_VERSION, "kind": "ProxyConfig", "origin": reading.config.origin,
            "hash": reading.config.hash, "config": effective::document(&reading.config), "origins": reading.origins,
        }))?,
    };
    write(&mut stdout(), &text)?;
    for flaw in loader.strangers(&reading).map_err(wrong)? {
        write(&mut stderr(), &format!("warning: {flaw}\n"))?;
    }
    Ok(0)
}
