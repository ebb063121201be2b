"""How objects are made from flags: `create`. Everything that can be known without a cluster is checked first."""
