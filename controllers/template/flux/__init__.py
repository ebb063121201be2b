"""What Flux passes to a template: its data structures; and `compareLink`, which is ours."""
