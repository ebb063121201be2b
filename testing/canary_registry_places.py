"""The places of an ImageRepository's secrets, and of those of registries and token services."""

import json
from urllib.parse import quote

from testing.canary_places import (
    PAIR,
    Place,
    b64,
    docker,
    http,
    legacy,
    plugin,
    public,
    scan_with,
    value_of,
)

AUTHS = "'.dockerconfigjson'"
PROXY = {"username": "me", "password": "x"}
REGISTRY_PLACES = (
    Place("pull secret: auth", docker(lambda s, v: {s.registry: {"auth": b64(f"me:{v}")}}), said=AUTHS),
    Place("pull secret: password", docker(lambda s, v: {s.registry: {"username": "me", "password": v}}), said=AUTHS),
    Place("pull secret: user name that is a token", docker(lambda s, v: {s.registry: {"username": v}}), said=AUTHS),
    Place("pull secret: identitytoken", docker(lambda s, v: {s.registry: {"identitytoken": v}}, "bearer"), said=AUTHS),
    Place("pull secret: registrytoken", docker(lambda s, v: {s.registry: {"registrytoken": v}}, "bearer"), said=AUTHS),
    Place("pull secret: legacy form", legacy, said="'.dockercfg'"),
    Place(
        "pull secret: login in a key",
        docker(lambda _, v: {f"https://me:{v}@quay.io": {"auth": b64("a:b")}}),
        sent=False,
        said="no credentials for",
    ),
    Place(
        "pull secret: entry of another host",
        docker(lambda _, v: {"quay.io": {"auth": b64(f"me:{v}")}}),
        sent=False,
        said="it has 'quay.io'",
    ),
    Place("pull secret: not JSON", docker(lambda _, v: f'{{"auths": {{"{v}'), sent=False, said="is not a Docker"),
    Place(
        "pull secret: not the right JSON",
        docker(lambda _, v: json.dumps({"auths": [v]})),
        sent=False,
        said="is not a Docker",
    ),
    Place(
        "pull secret: auth that is not Base64",
        docker(lambda s, v: {s.registry: {"auth": f"!{v}"}}),
        sent=False,
        said="not base64",
    ),
    Place(
        "registry proxy: password",
        scan_with("proxy_secret_ref", address=http, username=lambda _, __: "me", password=value_of),
        said="'password'",
    ),
    Place(
        "registry proxy: user name", scan_with("proxy_secret_ref", address=http, username=value_of), said="'username'"
    ),
    Place(
        "registry proxy: login in the address",
        scan_with("proxy_secret_ref", address=lambda _, v: f"http://me:{v}@p:1"),
        sent=False,
        said="proxy",
    ),
    Place(
        "registry proxy: address without a scheme",
        scan_with("proxy_secret_ref", address=lambda _, v: f"{v}:x@p:1"),
        sent=False,
        said="proxy",
    ),
    Place(
        "registry TLS: key",
        scan_with(
            "cert_secret_ref",
            tls__crt=lambda *_: PAIR.certificate.decode(),
            tls__key=lambda _, v: f"-----BEGIN PRIVATE KEY-----\n{v}\n-----END PRIVATE KEY-----\n",
        ),
        sent=False,
        said="failed to parse TLS certificate and key",
    ),
    Place(
        "registry TLS: encrypted key",
        scan_with(
            "cert_secret_ref",
            tls__crt=lambda *_: PAIR.certificate.decode(),
            tls__key=lambda _, v: f"-----BEGIN ENCRYPTED PRIVATE KEY-----\n{v}\n-----END ENCRYPTED PRIVATE KEY-----\n",
        ),
        sent=False,
        said="'tls.key' is encrypted",
    ),
    Place(
        "registry TLS: certificate",
        scan_with("cert_secret_ref", tls__crt=value_of, tls__key=value_of),
        sent=False,
        said="failed to parse TLS certificate and key",
    ),
    Place(
        "registry TLS: authority",
        scan_with("cert_secret_ref", ca__crt=value_of),
        sent=False,
        said="failed to parse CA certificate",
    ),
    Place(
        "image: login",
        public("open", image=lambda s, v: f"me:{v}@{s.registry}/app"),
        sent=False,
        said="could not parse reference",
    ),
    Place(
        "image: login in a URL",
        public("open", image=lambda s, v: f"https://me:{v}@{s.registry}/app"),
        sent=False,
        said="should not include URL scheme",
    ),
    Place(
        "environment: proxy of registries",
        public("open", image=lambda *_: "registry.example:5000/app", insecure=lambda *_: True),
        environment=lambda s, v: {
            "HTTP_PROXY": f"http://me:{quote(v)}@{s.registry}",
            "HTTPS_PROXY": "http://127.0.0.1:1",
        },
    ),
    Place(
        "environment: proxy that is no URL",
        public("open", image=lambda *_: "registry.example:5000/app", insecure=lambda *_: True),
        sent=False,
        said="proxy of the environment",
        environment=lambda _, v: {"HTTPS_PROXY": f"ftp://me:{quote(v)}@p:1"},
    ),
    Place("token service: token", public("token"), from_server="token"),
    Place(
        "token service: answer of another shape",
        public("bad token"),
        sent=False,
        from_server="bad token",
        said="did not answer with a token",
    ),
    Place(
        "token service: token that no header can hold",
        public("unfit token"),
        sent=False,
        from_server="unfit token",
        said="not fit for a header",
    ),
    Place("registry: login and signature in a realm", public("realm"), sent=False, from_server="realm", said="realm"),
    Place(
        "registry: login and signature in a redirect",
        docker(lambda s, _: {s.registry: {"auth": b64("me:password")}}, "redirect"),
        sent=False,
        from_server="redirect",
        said="redirects to",
    ),
    Place(
        "registry: login and signature in a link",
        docker(lambda s, _: {s.registry: {"auth": b64("me:password")}}, "link"),
        sent=True,
        from_server="link",
        said="goes round in a circle",
    ),
    Place("credential plugin: password", plugin("print(ANSWER)"), said="credential plugin 'canary'"),
    Place(
        "credential plugin: answer of another shape",
        plugin("print({'auth': VALUE})"),
        sent=False,
        said="did not answer with",
    ),
    Place(
        "credential plugin: its last words",
        plugin("import sys; sys.exit(VALUE)"),
        sent=False,
        said="ended with status 1",
    ),
)
