"""Facts of Go that users of Flux see: how it quotes, spells numbers and durations, and reads regular expressions.

Pure, and below everything else.
"""
