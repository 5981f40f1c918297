//! Protection against failing servers: growing pauses, circuit breakers, retry budgets, health from probes. Pure: time is told.

pub mod backoff;
pub mod breaker;
pub mod health;
