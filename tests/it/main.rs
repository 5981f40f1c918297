//! The one integration binary.
#![expect(
    clippy::expect_used,
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test that cannot go on says why and fails"
)]

mod agreement;
mod architecture;
mod capabilities;
mod change;
mod cli;
mod client;
mod console;
mod demo;
mod docs;
mod engine;
mod fleet;
mod inventory;
mod panics;
mod picture;
mod proxy;
mod public_docs;
mod sim;
mod terminal;
