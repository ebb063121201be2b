"""The API types of tagline's kinds: the single source of truth, from which the CRDs are generated.

A module a kind, with its `Resource` and `DEFINITION`; `kinds` lists them. Types and constants only: what is done with
objects is in `controllers`.
"""
