"""What users of Flux see of Go: how it quotes, spells numbers and durations, and reads regular expressions.

Pure. Imports no other package of ours.
"""
