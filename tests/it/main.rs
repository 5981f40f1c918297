//! The one integration binary.
#![expect(
    clippy::expect_used,
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test that cannot go on says why and fails"
)]

mod architecture;
mod cli;
mod client;
mod demo;
mod docs;
mod fleet;
mod engine;
mod inventory;
mod picture;
mod sim;
