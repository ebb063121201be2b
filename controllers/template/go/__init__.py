"""Go's values in Python: types, text forms, times, JSON."""
