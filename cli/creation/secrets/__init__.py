"""How Secrets are made from flags. What they hold is never part of a message."""
