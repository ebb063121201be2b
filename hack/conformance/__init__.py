"""Our answers beside the recorded answers of the Go programs.

`python -m hack.conformance FAMILY FILE` asks one family the questions of a JSON Lines file, `python -m hack.conformance
all DIR` every family the file of its name. A family is a module of this package with `check(case) -> str | None`: None
when our answer is the recorded one, else the difference in a line. A family is found by its name; no list is kept.

`data/` holds the open questions and `data/README.md` what made them and what their fields mean. Recorded answers are
never edited.
"""
