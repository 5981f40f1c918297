//! The edge: what is refused before anybody asks who sent it, and which headers cross, both ways.
//!
//! Pure: values in, values out. hyper is a correct reader of HTTP, not a strict one; what it lets through and what it
//! refuses by itself stands beside each check, and each has a test through a real socket.

pub mod answer;
pub mod check;
pub mod headers;
pub mod impersonation;
pub mod path;
mod policy;
pub mod redact;
pub mod upgrade;

pub use answer::answered;
pub use check::{Hosts, check};
pub use headers::{audit_id, outgoing};
pub use policy::Policy;
