"""Plays recorded invocations of the `flux` command line and compares what a program answers with the recording."""
