"""Sprig's functions, a module for each page of its manual."""
