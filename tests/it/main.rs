//! The one integration binary.
#![expect(clippy::expect_used, clippy::unwrap_used, reason = "a test that cannot go on says why and fails")]

mod architecture;
mod client;
mod demo;
mod docs;
mod inventory;
mod sim;
