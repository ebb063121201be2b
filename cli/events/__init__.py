"""`events`: what controllers have said of objects."""
