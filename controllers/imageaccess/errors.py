"""What can go wrong before a registry is sent any request.

AccessFailed           the credentials cannot be put together; the text says which object lacks what
 +- GateDisabled       the spec asks for a feature that is off in this process
BadPluginConfig        the configuration of credential plugins cannot be used: the process does not start
"""


class AccessFailed(Exception):
    pass


class GateDisabled(AccessFailed):
    pass


class BadPluginConfig(Exception):
    pass
