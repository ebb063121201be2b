"""`make demo`: the main job on real parts, in front of the user."""
