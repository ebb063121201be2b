"""Secrets in files: their values filled in from the environment, encrypted ones recognised."""

import base64
import binascii
import re
from collections.abc import Mapping
from typing import Any, Final

_REFERENCE: Final = re.compile(r"\$\$\{|\$\{(?P<name>[A-Za-z_]\w*)(?::?[-=](?P<default>[^}]*))?\}")


class BadSecret(Exception):
    """The Secret cannot be used; the text says why, and never shows a value."""


def complete_secret(document: Mapping[str, Any], environ: Mapping[str, str]) -> dict[str, Any]:
    """Return a Secret whose `stringData` has moved to `data`, as the API server does it.

    In the values of `stringData`, `${NAME}` and `${NAME:-default}` stand for variables of the environment, as in Flux's
    `postBuild.substitute`, and `$${` for a plain `${`. Raises BadSecret.
    """
    if "sops" in document:
        raise BadSecret(
            "it is encrypted with SOPS: decrypt it (sops exec-file), or give its values from the environment instead"
        )
    data = _texts(document, "data")
    for key, value in data.items():
        try:
            base64.b64decode(value, validate=True)
        except (binascii.Error, ValueError):
            raise BadSecret(f"data.{key} is not base64: put a plain value into stringData") from None
    for key, value in _texts(document, "stringData").items():
        data[key] = base64.b64encode(_substitute(key, value, environ).encode()).decode()
    return {name: value for name, value in document.items() if name != "stringData"} | {"data": data}


def _texts(document: Mapping[str, Any], name: str) -> dict[str, str]:
    values = document.get(name) or {}
    if not isinstance(values, dict):
        raise BadSecret(f"{name} is not a map")
    for key, value in values.items():
        if not isinstance(value, str):
            raise BadSecret(f"{name}.{key} is not a text: write it in quotes")
    return dict(values)


def _substitute(key: str, value: str, environ: Mapping[str, str]) -> str:
    def replace(match: re.Match[str]) -> str:
        name = match["name"]
        if name is None:
            return "${"
        found = environ.get(name) or match["default"]
        if found is None:
            raise BadSecret(f"stringData.{key}: the variable {name} is not set (a plain ${{ is written $${{)")
        return found

    return _REFERENCE.sub(replace, value)
