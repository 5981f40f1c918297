//! The routing proxy: one API endpoint in front of many clusters.
//!
//! A request's way: `edge` (is it fit to be read?), `caller` (who asks?), `request` (what the server will
//! see), `rules` and `target` (which cluster?), `limit` (may it go now?), `upstream` or `tunnel` (carry it), and
//! `audit` and `metrics` when its answer's body ends. `exchange` joins them; nothing else does.

pub mod admin_client;
pub mod admin_pages;
pub mod audit;
pub mod body;
pub mod cache;
pub mod caller;
mod coalesce;
pub mod config;
mod config_builder;
pub mod edge;
pub mod exchange;
mod hpack_values;
pub mod limit;
pub mod listen;
pub mod metrics;
pub mod options;
pub mod refusal;
mod reload_status;
pub mod request;
pub mod request_log;
pub mod rules;
pub mod server;
pub mod source;
mod status;
pub mod target;
pub mod tester;
pub mod tunnel;
pub mod upstream;
