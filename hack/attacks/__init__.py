"""Servers that mean harm, for tests and for trying by hand."""
