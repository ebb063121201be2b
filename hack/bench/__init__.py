"""`make bench`: figures of the parts and of the whole. Measures, never judges; docs/performance.md has the method."""
