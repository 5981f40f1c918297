//! Protection against failing servers: backoff, circuit breakers, health from probes. Pure: time is an argument.

pub mod backoff;
pub mod breaker;
pub mod health;
