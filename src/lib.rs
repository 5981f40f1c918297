//! Quarterdeck: one terminal for a whole fleet of Kubernetes clusters.
