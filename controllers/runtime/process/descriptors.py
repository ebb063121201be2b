"""How many files and connections a process may have open.

Systems often begin with 1,024, for the sake of programs that use select(2), and leave it to others to ask for more, as
every program in Go does. Runs that wait for silent servers have a connection each, and so has each Git remote; packs of
Git repositories are open files.
"""

import resource


def raise_descriptor_limit() -> int:
    """Allow as many open descriptors as the system lets us have without asking; return how many."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    try:
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    except (ValueError, OSError):  # "unlimited" is more than some systems mean by it
        return soft
    return hard
