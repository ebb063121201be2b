"""Webhooks of registries: who sent a request, what it says was pushed, and which images it wakes.

Values in, values out: a `Request` is what arrived, `Settings` is what a Receiver and its Secret say, and the answer of
`judge` is a verdict: events, or a refusal with its HTTP status. `matching` then says which ImageRepositories an event
wakes. Nothing here reads a clock, a network or Kubernetes. One module in `senders` for each type.
"""
