"""Answers and Secrets at which parsers give up: each is small, and each once ended a run in an "internal error".

`crash_inputs_test` serves them.
"""

import base64
import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field

from testing import costly_keys
from testing.address import HOST

DEEP = b"[" * 2000 + b"]" * 2000
DEEP_OBJECTS = b'{"a":' * 2000 + b"1" + b"}" * 2000
DIGITS = "9" * 5000
NO_PAGE = "expected a list of tags in JSON"
JSON_TYPE, JSON_KEY = "kubernetes.io/dockerconfigjson", ".dockerconfigjson"


@dataclass(frozen=True, slots=True)
class Row:
    """What a repository answers when it is asked for its tags, and what its object is to say."""

    message: str
    status: int = 200
    body: bytes = b'{"errors": [{"code": "X", "message": "no"}]}'
    headers: Mapping[str, str] = field(default_factory=dict)


def _challenge(realm: str) -> dict[str, str]:
    return {"WWW-Authenticate": f'Bearer realm="{realm}"'}


def _errors(detail: str) -> bytes:
    return f'{{"errors": [{{"code": "DENIED", "message": "no", "detail": {detail}}}]}}'.encode()


NO_REALM = "realm is no URL of a token service"
ROWS: dict[str, Row] = {
    "page-of-lists": Row(NO_PAGE, body=DEEP),
    "page-of-objects": Row(NO_PAGE, body=DEEP_OBJECTS),
    "page-with-a-deep-name": Row(NO_PAGE, body=b'{"tags": ["1.0.0"], "name": ' + DEEP + b"}"),
    "page-with-a-long-number": Row(NO_PAGE, body=b'{"tags": [%s]}' % DIGITS.encode()),
    "page-of-half-characters": Row(NO_PAGE, body=b'{"tags": ["\\ud800"]}'),
    "page-of-no-characters": Row(NO_PAGE, body=b'{"tags": ["\xff"]}'),
    "errors-of-lists": Row("403", 403, _errors(DEEP.decode())),
    "errors-with-a-long-number": Row("DENIED", 403, _errors("1" + "0" * 400)),
    "errors-with-a-large-number": Row("DENIED", 403, _errors("1e308")),
    "wait-of-many-digits": Row("429", 429, headers={"Retry-After": DIGITS}, body=b""),
    "wait-with-a-huge-offset": Row("429", 429, b"", {"Retry-After": "Wed, 21 Oct 2026 07:28:00 -99999999999999"}),
    "wait-until-the-end-of-time": Row("429", 429, b"", {"Retry-After": "Fri, 31 Dec 9999 23:59:59 -2359"}),
    "budget-of-many-digits": Row("429", 429, b"", {"RateLimit-Remaining": "0", "RateLimit-Reset": DIGITS}),
    "realm-without-a-host": Row(NO_REALM, 401, headers=_challenge("http:///token")),
    "realm-with-a-bad-port": Row(NO_REALM, 401, headers=_challenge(f"http://{HOST}:99999/token")),
    "realm-with-half-an-address": Row(NO_REALM, 401, headers=_challenge("http://[::1/token")),
    "realm-of-a-long-label": Row("", 401, headers=_challenge(f"http://{'a' * 300}.example/token")),
    "realm-of-two-dots": Row("", 401, headers=_challenge("http://a..b/token")),
    "realm-of-punycode": Row("", 401, headers=_challenge("http://xn--a/token")),
    "location-with-a-bad-port": Row("redirects to what is no URL", 307, headers={"Location": "http://a:99999/"}),
    "location-with-half-an-address": Row(
        "redirects to what is no URL; not followed", 307, headers={"Location": "http://[::1/"}
    ),
    "location-without-a-host": Row(NO_PAGE, 307, headers={"Location": "http:///v2/"}),
    "location-of-two-dots": Row("", 307, headers={"Location": "http://a..b/"}),
    "location-of-a-long-label": Row("", 307, headers={"Location": f"http://{'a' * 300}/"}),
    "link-with-a-bad-port": Row(
        "failed to parse link header", 200, b'{"tags": []}', {"Link": "<http://a:x/>; rel=next"}
    ),
    "link-with-half-an-address": Row(
        "failed to parse link header", 200, b'{"tags": []}', {"Link": "<http://[::1/>; rel=next"}
    ),
}


def _digest(data: bytes) -> str:
    return f"sha256:{hashlib.sha256(data).hexdigest()}"


def _image(config: bytes) -> dict[str, bytes]:
    """Return the documents of an image with this configuration, by reference."""
    manifest = json.dumps({"config": {"digest": _digest(config)}}).encode()
    return {"1.0.0": manifest, _digest(manifest): manifest, _digest(config): config}


def _config(created: str) -> bytes:
    return json.dumps({"os": "linux", "architecture": "amd64", "created": created}).encode()


def _manifest(data: bytes) -> dict[str, bytes]:
    return {"1.0.0": data, _digest(data): data}


MANIFESTS: dict[str, dict[str, bytes]] = {
    "manifest-of-lists": _manifest(DEEP),
    "manifest-of-objects": _manifest(DEEP_OBJECTS),
    "manifest-with-a-deep-member": _manifest(b'{"x": ' + DEEP + b"}"),
    "manifest-of-no-characters": _manifest(b'{"annotations": {"a": "\xff"}}'),
    "manifest-without-digests": _manifest(b'{"config": {"digest": "sha256:x"}}'),
}
"""Documents of images, by name and reference."""
CONFIGS: dict[str, dict[str, bytes]] = {
    "built-at-the-end-of-time": _image(_config("9999-12-31T23:59:59-12:00")),
    "built-before-time": _image(_config("0001-01-01T00:00:00+12:00")),
    "built-with-a-huge-offset": _image(_config("2024-01-01T00:00:00+99:99")),
    "built-in-many-digits": _image(_config(DIGITS)),
    "config-of-lists": _image(DEEP),
    "config-with-deep-labels": _image(b'{"os": "linux", "architecture": "amd64", "config": ' + DEEP + b"}"),
}


def _auths(**entry: object) -> bytes:
    return json.dumps({"auths": {HOST: entry}}).encode()


SECRETS: dict[str, tuple[str, dict[str, bytes]]] = {
    "docker-of-lists": (JSON_TYPE, {JSON_KEY: b'{"auths": ' + DEEP_OBJECTS + b"}"}),
    "docker-with-a-deep-member": (JSON_TYPE, {JSON_KEY: b'{"auths": {}, "x": ' + DEEP + b"}"}),
    "docker-of-no-base64": (JSON_TYPE, {JSON_KEY: _auths(auth="€€€")}),
    "docker-of-no-characters": (JSON_TYPE, {JSON_KEY: _auths(auth=base64.b64encode(b"\xff:\xfe").decode())}),
    "key-that-is-encrypted": ("Opaque", {"tls.crt": b"x", "tls.key": costly_keys.pbkdf2_key()}),
    "key-of-brackets": ("Opaque", {"tls.crt": b"x", "tls.key": costly_keys.pem("PRIVATE KEY", b"\x30\x80" * 2000)}),
    "authority-of-noise": ("Opaque", {"ca.crt": costly_keys.pem("CERTIFICATE", b"\x30\x84\xff\xff\xff\xff" * 99)}),
}
"""Secrets by name: their type and data."""
