//! Changes in the core: decisions without a cluster.
