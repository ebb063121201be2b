"""Pull requests of an automation: from the edit of a base branch to branches and pull requests that offer it.

An edit is grouped (`groups`), each group is a commit on a head branch of its own (`heads`, `offer`) and a pull request
(`wording`). What to do about each is decided by `controllers.forge.decision`; `offering` does it. Outcomes, conditions
and events are the kind's.
"""
