"""Endless random tests, one module a target: `python -m hack.fuzz.TARGET --seconds 60`. Not part of the test suite."""
