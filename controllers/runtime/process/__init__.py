"""A controller process: its kinds, flags, probes and metrics, how it starts and ends."""
