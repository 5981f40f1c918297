//! The way to an API server: real sockets, real TLS, real plugins; servers of every bad kind.

mod bad_servers;
mod cluster;
mod credentials;
mod plugins;
mod proxies;
mod read_only;
mod review;
mod server;
mod writing;

use quarterdeck::config::Environment;
use quarterdeck::engine::cluster::ClusterError;
use quarterdeck::engine::k8s::client::{ClientContext, Connection, build};
use quarterdeck::engine::k8s::credentials::plugin::{Plugins, Terminal};
use quarterdeck::engine::k8s::endpoint::{Endpoint, Material, Secret};
use quarterdeck::engine::process::detach::Launcher;
use std::sync::Arc;

/// An endpoint without credentials.
fn endpoint(server: &str) -> Endpoint {
    Endpoint { timeout_s: 10, ..Endpoint::plain(server, "test") }
}

fn surroundings(environment: Environment) -> ClientContext {
    let launcher = Launcher::Through(env!("CARGO_BIN_EXE_qd").into());
    ClientContext { environment: Arc::new(environment), plugins: Plugins::new(launcher, Terminal::Taken) }
}

fn connect(endpoint: Endpoint) -> Connection {
    connect_in(endpoint, &surroundings(Environment::default()))
}

fn connect_in(endpoint: Endpoint, surroundings: &ClientContext) -> Connection {
    build(&Arc::new(endpoint), surroundings).expect("the endpoint is fit to use")
}

/// What a GET of `/api` brings.
async fn get(connection: &Connection) -> Result<String, ClusterError> {
    let bytes = connection.get("/api", "application/json").await?;
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

fn inline(text: &str) -> Material {
    Material::Inline(Secret(text.to_owned()))
}
