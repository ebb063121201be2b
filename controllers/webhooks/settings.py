"""What a Receiver and its Secret say of a hook, as a value."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from controllers.webhooks.verdict import not_configured

DEFAULT_AUDIENCE: Final = "notification-controller"
"""Of tokens for a generic-oidc receiver, as in Flux."""

SecretData = Mapping[str, bytes]


@dataclass(frozen=True, slots=True)
class Validation:
    """A CEL expression over `claims` and `vars` that must be true, and what to say when it is not."""

    expression: str
    message: str = ""


@dataclass(frozen=True, slots=True)
class Provider:
    """An issuer of identity tokens, of a generic-oidc receiver."""

    issuer: str
    validations: tuple[Validation, ...]
    """At least one: a valid signature alone authorizes nobody, since public issuers sign for everybody."""
    audience: str = DEFAULT_AUDIENCE
    variables: tuple[tuple[str, str], ...] = ()
    """Names and CEL expressions, evaluated in their order."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """One hook."""

    type: str
    """As in `spec.type`."""
    secrets: tuple[SecretData, ...] = field(default=(), repr=False)
    """The data of the Secret, the current one first; behind it those that have been replaced a short time ago and are
    still taken. Keys: `token`; `email` and `audience` of a gcr receiver; `username` and `password`."""
    events: tuple[str, ...] = ()
    """The sender's words for events that count; empty: all."""
    registry: str = ""
    """The host under which the images are known here, where the sender says another or none."""
    repository: str = ""
    """The first part of the images' path, where the sender says another: a virtual repository of Artifactory."""
    providers: tuple[Provider, ...] = ()
    keys: Mapping[str, Any] = field(default_factory=dict)
    """JSON Web Key Sets (RFC 7517) by issuer."""
    filter: str = ""
    """CEL over the request, of generic types: whether it counts."""
    image_expression: str = ""
    """CEL over the request: the image's name, or a list of them. Empty: whatever the Receiver lists is woken."""
    tag_expression: str = ""
    """CEL over the request: the tag, or a list of them."""

    def values(self, key: str = "token") -> tuple[bytes, ...]:
        """Return the values of one key, the current one first. Raises Refusal when there is none that is not empty."""
        found = self.optional_values(key)
        if not found:
            raise not_configured(f"the receiver's Secret has no `{key}`")
        return found

    def optional_values(self, key: str) -> tuple[bytes, ...]:
        """Return the values of one key that are not empty, each also without the line ends behind it.

        Editors and `echo` write these into Secrets, and nobody enters them at a sender.
        """
        values = (secret.get(key, b"") for secret in self.secrets)
        return tuple(
            dict.fromkeys(each for value in values if (bare := value.rstrip(b"\r\n")) for each in (value, bare))
        )
