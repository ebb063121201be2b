"""What Flux gives to a message: its data structures, and `compareLink`, which is ours."""
