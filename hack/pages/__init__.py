"""The pages of `docs/` as programs: what they show is run, what cannot be run is checked, and the rest says why not."""
