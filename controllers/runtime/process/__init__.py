"""A controller process: flags, probes, metrics, start and end."""
