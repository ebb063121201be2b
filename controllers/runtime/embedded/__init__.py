"""An API for one machine, in the process itself: the client's interface over objects in one SQLite file."""
