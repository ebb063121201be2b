"""Plays recorded system scenarios against our controllers and compares with their transcripts.

`player` knows nothing of tagline.
"""
