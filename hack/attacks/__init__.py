"""Servers that mean harm, a module each with a command line; the end-to-end tests let them loose on the controllers."""
