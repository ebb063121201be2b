"""What an automation writes into a commit: an edit is planned from a tree and the choices of policies, then published.

`plan_work` decides from objects, `plan_edit` from files, both without I/O; `publish` and `recovery` talk to Git. Which
outcome an error leads to is up to the caller.
"""
