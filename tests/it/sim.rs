//! The simulated world: the real engine on a paused clock, in one thread, over clusters that fail
//! as real ones do. A failing seed is printed; `QD_SEED=7 cargo test --test it one_seed` replays it.

pub(crate) mod cluster;
pub(crate) mod invariants;

pub(crate) mod world;
pub(crate) mod write;

mod changes;
mod pace;
mod routing;
mod scenarios;
mod seeds;
mod work;
