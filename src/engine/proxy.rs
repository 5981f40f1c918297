//! The routing proxy: one API endpoint in front of many clusters.
//!
//! A request's way: `edge` (is it fit to be read?), `caller` (who asks?), `request` (what the server will
//! see), `rules` and `target` (which cluster?), `limit` (may it go now?), `upstream` or `tunnel` (carry it), and
//! `audit` and `metrics` when its answer's body ends. `carry` joins them; nothing else does.

pub mod address;
pub mod admin;
mod assembly;
pub mod audit;
pub mod body;
pub mod cache;
pub mod caller;
pub mod carry;
pub mod config;
pub mod edge;
mod gather;
pub(crate) mod keep;
pub mod limit;
pub mod listen;
pub mod metrics;
pub mod options;
mod pictures;
pub mod refusal;
mod remembered;
pub mod request;
pub mod rules;
pub mod running;
pub mod source;
pub mod tail;
pub mod target;
pub mod tester;
pub mod tunnel;
pub mod upstream;
