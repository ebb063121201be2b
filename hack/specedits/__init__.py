"""Edits of specs, generated from the schemas of the CRDs: every field set, changed, cleared and set out of range.

`fields` finds the fields and values for them, `edits` makes specs of these. The tests play them, in every version, on
an embedded API with the real controllers: an object whose spec goes from A to B and back to A says in the end what it
said at first.
"""
