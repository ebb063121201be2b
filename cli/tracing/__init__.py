"""`trace`: where an object in a cluster comes from."""
