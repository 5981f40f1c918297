//! The pure core: one `on(observation)`, effects out.
