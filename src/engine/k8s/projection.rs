//! Objects into rows while they are read: typed columns, printer columns, health.
