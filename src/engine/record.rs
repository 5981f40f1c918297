//! A ring of observations: dump and replay.
