"""The player of scenarios: it knows nothing of tagline, needs no package but Python's own, and is kept as it came.

It plays against any controllers that serve Flux's image automation API: `python -m hack.scenarios.player --help`.
"""
