"""Faults at every position: proxies before the API server, a registry and Git repeat a learned run with one fault each.

`python -m e2e.apifaults` (`make faults`). What is injected is in `faults`, where in `positions`, what must hold all the
same in `testing.invariants`.
"""
