"""What goes wrong between us and a cloud.

    CloudFailed          no credentials; the text says for whom and why
     +- LoginFailed      the cloud did not issue them, or could not be reached
     +- ServiceAccountFailed    the ServiceAccount that is to log in is not there, or Kubernetes issues no token for it

Texts are safe to show: no credential, of foreign text at most 256 characters.
"""


class CloudFailed(Exception):
    """Base of this package's errors."""


class LoginFailed(CloudFailed):
    pass


class ServiceAccountFailed(CloudFailed):
    pass
