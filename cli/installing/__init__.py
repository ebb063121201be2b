"""What tagline consists of in a cluster: built from flags, applied with an inventory, removed by it."""
