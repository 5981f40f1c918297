//! Folds watch items into rows; knows which shards are dirty.
