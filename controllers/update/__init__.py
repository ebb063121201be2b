"""What an automation writes into a commit: the edit is planned from a tree and the choices of policies, then pushed."""
