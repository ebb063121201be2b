"""The places of the secrets of a GitRepository, an automation and a Git host."""

from urllib.parse import quote

from testing.canary_places import (
    KNOWN_HOSTS,
    LOCKED,
    PAIR,
    UNLOCKED,
    Place,
    alone,
    app,
    push,
)

SSH_URL = "ssh://git@127.0.0.1:1/fleet.git"
GIT_PLACES = (
    Place("Git secret: password", push(alone("password", username="me")), said="'password'"),
    Place("Git secret: user name that is a token", push(alone("username")), said="'username'"),
    Place("Git secret: bearerToken", push(alone("bearerToken")), said="'bearerToken'"),
    Place(
        "Git secret: password, echoed in a side band",
        push(alone("password", username="me"), answer="band"),
        said="'password'",
    ),
    Place("Git URL: login", push(lambda *_: {}, url="http://me:VALUE@HOST/fleet.git")),
    Place("Git URL: token", push(lambda *_: {}, url="http://VALUE@HOST/fleet.git")),
    Place("Git URL: token among its parameters", push(lambda *_: {}, url="http://HOST/fleet.git?private_token=VALUE")),
    Place(
        "Git URL: login without a host", push(lambda *_: {}, url="https://me:VALUE"), sent=False, said="is not a URL"
    ),
    Place(
        "Git URL: login of SSH",
        push(lambda *_: {}, url="ssh://git:VALUE@127.0.0.1:1/x.git"),
        sent=False,
        said="'identity' is required",
    ),
    Place(
        "Git proxy: password",
        push(
            lambda s, v: {"address": s.git, "username": "me", "password": v},
            proxy=True,
            url="http://git.example/fleet.git",
        ),
        said="'password'",
    ),
    Place(
        "Git proxy: login in the address",
        push(
            lambda s, v: {"address": s.git.replace("//", f"//me:{quote(v)}@")},
            proxy=True,
            url="http://git.example/fleet.git",
        ),
    ),
    Place(
        "Git proxy: address that is no URL",
        push(lambda _, v: {"address": f"me:{v}@p:1"}, proxy=True),
        sent=False,
        said="proxy",
    ),
    Place(
        "Git TLS: key",
        push(lambda _, v: {"tls.crt": PAIR.certificate.decode(), "tls.key": v}),
        sent=False,
        said="tls.key",
    ),
    Place("Git TLS: authority", push(lambda _, v: {"ca.crt": v}), sent=False, said="ca.crt"),
    Place(
        "Git SSH: identity",
        push(alone("identity", known_hosts=KNOWN_HOSTS), url=SSH_URL),
        sent=False,
        said="cannot use the SSH identity",
    ),
    Place(
        "Git SSH: passphrase",
        push(alone("password", identity=LOCKED, known_hosts=KNOWN_HOSTS), url=SSH_URL),
        sent=False,
        said="wrong passphrase",
    ),
    Place(
        "Git SSH: known_hosts",
        push(alone("known_hosts", identity=UNLOCKED), url=SSH_URL),
        sent=False,
        said="known_hosts, line 1",
    ),
    Place(
        "Git SSH: marker in known_hosts",
        push(lambda _, v: {"identity": UNLOCKED, "known_hosts": f"@{v} h ssh-rsa AA"}, url=SSH_URL),
        sent=False,
        said="known_hosts, line 1",
    ),
    Place(
        "GitHub App: private key",
        push(app(githubAppPrivateKey=str), provider="github"),
        sent=False,
        said="'githubAppPrivateKey' is not an RSA private key",
    ),
    Place(
        "GitHub App: id",
        push(app(githubAppID=lambda value: f"KEY {value}"), provider="github"),
        sent=False,
        said="is not the ID of an app",
    ),
    Place(
        "GitHub App: login in the URL",
        push(
            lambda s, v: app()(s, v) | {"githubAppBaseURL": s.git.replace("//", f"//me:{quote(v)}@") + "/x"},
            provider="github",
        ),
        sent=False,
        said="GitHub App",
    ),
    Place("GitHub App: token", push(app(), provider="github"), from_server="app token"),
    Place(
        "GitHub App: answer of another shape",
        push(app(), provider="github", answer="bad token"),
        sent=False,
        from_server="bad token",
        said="is not GitHub's API",
    ),
    Place(
        "GitHub App: token that no header can hold",
        push(app(), provider="github", answer="unfit token"),
        sent=False,
        from_server="unfit token",
        said="not fit for a header",
    ),
    Place(
        "Git host: login and signature in a redirect",
        push(lambda *_: {}, answer="redirect"),
        sent=False,
        from_server="redirect",
        said="refused to follow a redirect",
    ),
    Place("pull requests: token", push(alone("token"), forge=True, url="http://HOST/org/fleet.git"), said="'token'"),
    Place(
        "pull requests: password",
        push(alone("password", username="me"), forge=True, url="http://HOST/org/fleet.git"),
        said="'password'",
    ),
    Place("signing key: SSH identity", push(alone("identity"), signing="ssh"), sent=False, said="SSH signing key"),
    Place(
        "signing key: SSH passphrase",
        push(alone("password", identity=LOCKED), signing="ssh"),
        sent=False,
        said="wrong passphrase",
    ),
    Place(
        "signing key: OpenPGP key", push(alone("git.asc"), signing="gpg"), sent=False, said="could not read signing key"
    ),
    Place(
        "signing key: OpenPGP passphrase",
        push(alone("passphrase", **{"git.asc": "x"}), signing="gpg"),
        sent=False,
        said="signing key",
    ),
    Place(
        "environment: proxy of Git",
        push(lambda *_: {}, url="http://git.example/fleet.git"),
        environment=lambda s, v: {"http_proxy": s.git.replace("//", f"//me:{quote(v)}@")},
    ),
)
