//! The simulated fleet: real API servers on loopback, seeded.
