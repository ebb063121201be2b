"""Plays recorded system scenarios against our controllers and compares with their transcripts.

`play.py` is the player; it knows nothing of tagline and is kept as it came.
"""
