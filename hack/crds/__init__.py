"""Generates the CustomResourceDefinitions from the types in `api`, and the one-file installation."""
