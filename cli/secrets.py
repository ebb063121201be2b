"""Secrets whose values come from the environment: `--secret-from-env NAMESPACE/NAME:KEY=VARIABLE`."""

import argparse
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Final

from api.names import SECRETS
from cli.objects import BadInput, Manifest, Manifests
from controllers.runtime.key import Key

_FORM: Final = re.compile(r"(?:(?P<namespace>[^/:=]+)/)?(?P<name>[^/:=]+):(?P<key>[^:=]+)=(?P<variable>[^=]+)")


@dataclass(frozen=True, slots=True)
class SecretValue:
    """One value of a Secret, and the variable that holds it."""

    secret: Key
    key: str
    variable: str


def parse_secret_values(text: str) -> SecretValue:
    """Parse the option's value; without a namespace: default. Raises ArgumentTypeError."""
    match = _FORM.fullmatch(text)
    if match is None:
        raise argparse.ArgumentTypeError(
            f"{text!r}: want NAMESPACE/NAME:KEY=VARIABLE, e.g. apps/git:password=GIT_TOKEN"
        )
    return SecretValue(Key(match["namespace"] or "default", match["name"]), match["key"], match["variable"])


def with_secrets(manifests: Manifests, values: Iterable[SecretValue], environ: Mapping[str, str]) -> Manifests:
    """Return the manifests with values from the environment, which win over those of a manifest. Raises BadInput."""
    objects = {(manifest.resource.kind, manifest.key): manifest for manifest in manifests.manifests}
    for value in values:
        text = read_variable(value, environ)
        identity = (SECRETS.kind, value.secret)
        held = objects.get(identity) or _empty(value.secret)
        texts = {**(held.body.get("stringData") or {}), value.key: text}
        objects[identity] = replace(held, body={**held.body, "stringData": texts})
    return replace(manifests, manifests=tuple(objects.values()))


def read_variable(value: SecretValue, environ: Mapping[str, str]) -> str:
    """Return a value from the environment. Raises BadInput where it is not set."""
    if value.variable not in environ:
        raise BadInput(f"--secret-from-env: the variable {value.variable} is not set")
    return environ[value.variable]


def _empty(key: Key) -> Manifest:
    body = {
        "apiVersion": SECRETS.api_version,
        "kind": SECRETS.kind,
        "metadata": {"name": key.name, "namespace": key.namespace},
    }
    return Manifest("--secret-from-env", SECRETS, key, body)
