"""The receiver: hooks that registries call, and the ImageRepositories that are woken by what they say.

Any replica serves hooks; which one writes the status of Receivers is elected. A wake-up is two annotations
(`api.pushedtags`), so that a copy of one, or one after a restart, costs a request and changes nothing.
"""
