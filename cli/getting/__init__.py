"""`get`: which objects were asked for, and the forms in which they are printed."""
