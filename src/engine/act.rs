//! Runs effects with timeouts; outcomes return as observations.
