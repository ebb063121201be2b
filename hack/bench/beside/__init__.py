"""tagline and Flux's image controllers on one machine, in turn: the same objects, servers and number of workers."""
