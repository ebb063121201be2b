"""Image references: one value from the choice to the commit. Pure."""
