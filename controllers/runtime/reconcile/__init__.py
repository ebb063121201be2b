"""One run over one object, from queue to status: workers, lifecycle, conditions, leadership, events."""
