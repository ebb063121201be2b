"""Random tests of what reads foreign input, one module a target: `python -m hack.fuzz.TARGET --seconds 60`.

`make fuzz` runs all of them, `fuzz_test.py` each for a few seconds. A target has a function `main`, takes `--seconds`
and `--seed`, and its exit status is 1 when it has found something.
"""
