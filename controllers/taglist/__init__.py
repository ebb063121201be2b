"""Tag lists in the Kubernetes API: written by the scanner, read by the policies.

`scan` says which tags make a list, `codec` is the format of its chunks. `writer` and `reader` know which objects hold
the chunks, and write and check them in an order in which a half-written list is never taken for a whole one.
"""
