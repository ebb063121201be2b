"""Thousands of objects on one machine: how long they take, what they cost at rest, and what they leave behind."""
