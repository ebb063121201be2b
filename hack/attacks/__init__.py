"""Servers and repositories of somebody who means harm, to try what the controllers bear. Not part of the product."""
