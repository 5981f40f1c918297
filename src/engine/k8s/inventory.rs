//! Which clusters are there: kubeconfig, in-cluster, hub, mapping file.
