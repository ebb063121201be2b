"""Which tag a policy chooses, and why: the question that the controller and the command line ask.

Objects in, values out. The rules themselves are in `policy`, which knows no Kubernetes; what becomes of an answer is up
to the caller.
"""
