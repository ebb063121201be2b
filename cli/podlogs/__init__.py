"""`logs`: what controllers log of objects."""
