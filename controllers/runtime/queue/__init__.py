"""Which object is next, and how soon: the work queue and its backoff."""
