"""What Flux passes to a template, in its data structures; and `compareLink`, which is ours."""
