"""The `tagline` command: grammar, verbs, printing, access to clusters. Asks the same questions as the controllers."""
