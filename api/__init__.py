"""The API types of tagline's kinds: the single source of truth, from which the CRDs are generated."""
