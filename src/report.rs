//! Printing: snapshots and answers as tables, JSON and YAML.
