//! Dirty shards to snapshots, paced.
