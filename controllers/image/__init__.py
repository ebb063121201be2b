"""Image references: parsed strictly, as one value from the choice to the commit, and as a marker writes them. Pure."""
