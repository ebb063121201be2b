"""Which token services get a registry's credentials. Pure.

A registry names its token service in a challenge, and whoever answers for one repository of a shared host can name one
of his own. Credentials go to a service only where it belongs to the registry: it is on the same host, it is known to,
the operator says so, or both are siblings in one domain: `registry.example.com` and `gitlab.example.com`, or
`registry.gitlab.com` and `gitlab.com`. Siblings in a domain in which strangers get names, as in `github.io`, do not
count. There is no list of all such domains here (https://publicsuffix.org): the rule takes the second level of country
domains for public where it is a usual one, and knows the larger hosting companies.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from controllers.net.destinations import normalize_host, parse_address

KNOWN: Final[Mapping[str, str]] = {
    "index.docker.io": "auth.docker.io",
    "registry-1.docker.io": "auth.docker.io",
    "docker.io": "auth.docker.io",
    "lscr.io": "ghcr.io",
    "rg.fr-par.scw.cloud": "api.scaleway.com",
    "rg.nl-ams.scw.cloud": "api.scaleway.com",
    "rg.pl-waw.scw.cloud": "api.scaleway.com",
}
"""Registries whose token service is run by the same people on another host, as their challenges name it."""

SECOND_LEVELS: Final = frozenset(
    [
        "ac", "asn", "asso", "biz", "co", "com", "coop", "edu", "gen", "go", "gob", "gouv", "gov", "govt", "gv",
        "id", "ind", "info", "lg", "ltd", "me", "mil", "mod", "muni", "name", "ne", "net", "ngo", "nhs", "nic",
        "nom", "or", "org", "plc", "police", "pro", "res", "sch", "school", "web",
    ]
)  # fmt: skip
"""Below a country's domain these are not somebody's own: `co.uk`, `com.au`, `or.jp`."""

HOSTING: Final = frozenset(
    [
        "amazonaws.com", "amplifyapp.com", "app.github.dev", "appdomain.cloud", "appspot.com", "awsapprunner.com",
        "azure-api.net", "azurecontainer.io", "azurecontainerapps.io", "azurecr.io", "azureedge.net",
        "azurefd.net", "azurestaticapps.net", "azurewebsites.net", "blogspot.com", "cloudapp.azure.com",
        "cloudapp.net", "cloudfront.net", "cloudfunctions.net", "core.windows.net", "ddns.net", "deno.dev",
        "duckdns.org", "dyndns.org", "dynu.net", "fastly.net", "firebaseapp.com", "fly.dev", "freeddns.org",
        "github.io", "githubpreview.dev", "gitlab.io", "glitch.me", "googleapis.com", "googleusercontent.com",
        "herokuapp.com", "hf.space", "hopto.org", "jfrog.io", "koyeb.app", "lambda-url.aws", "lhr.life",
        "loca.lt", "localhost.run", "mybluemix.net", "myftp.org", "netlify.app", "ngrok-free.app",
        "ngrok-free.dev", "ngrok.app", "ngrok.dev", "ngrok.io", "nip.io", "no-ip.org", "on.aws",
        "ondigitalocean.app", "onrender.com", "openshiftapps.com", "ovh.net", "pages.dev", "pkg.dev",
        "pythonanywhere.com", "r2.dev", "railway.app", "render.com", "repl.co", "replit.app", "replit.dev",
        "rhcloud.com", "run.app", "scw.cloud", "serveo.net", "sslip.io", "stackblitz.io", "surge.sh", "sytes.net",
        "traefik.me", "trafficmanager.net", "trycloudflare.com", "ts.net", "vercel.app", "web.app", "windows.net",
        "workers.dev", "xip.io", "zapto.org",
    ]
)  # fmt: skip
"""In these, and at any depth below them, strangers get names; no two names there are siblings."""

CLUSTER_SUFFIXES: Final = (".svc", ".svc.cluster.local", ".local", ".internal", ".localhost")
"""Within a cluster or machine each name may be somebody else's."""


@dataclass(frozen=True, slots=True)
class TokenService:
    """A relation that the operator states: `registry`'s credentials may go to `host`."""

    registry: str
    host: str


@dataclass(frozen=True, slots=True)
class Relations:
    """Which token services belong to which registries."""

    configured: tuple[TokenService, ...] = ()

    def is_known(self, registry: str, realm_host: str) -> bool:
        """Return whether it is known or configured that a service on `realm_host` is the registry's.

        registry, realm_host: hosts; ports do not count.
        """
        ours, theirs = normalize_host(registry), normalize_host(realm_host)
        return KNOWN.get(ours) == theirs or TokenService(ours, theirs) in self.configured

    def belongs(self, registry: str, realm_host: str) -> bool:
        """Return whether the registry's credentials may go to a token service on `realm_host`."""
        ours, theirs = normalize_host(registry), normalize_host(realm_host)
        return ours == theirs or self.is_known(ours, theirs) or _are_siblings(ours, theirs)


def parse_token_services(texts: Sequence[str]) -> tuple[TokenService, ...]:
    """Return relations of the form `registry=host`. Raises ValueError."""
    services = []
    for text in texts:
        registry, equals, host = text.partition("=")
        if not equals or not registry or not host or "/" in text:
            raise ValueError(f"want registry=host of its token service, got {text!r}")
        services.append(TokenService(normalize_host(registry), normalize_host(host)))
    return tuple(services)


def _are_siblings(one: str, other: str) -> bool:
    domain = registrable_domain(one)
    return bool(domain) and domain == registrable_domain(other)


def registrable_domain(host: str) -> str:
    """Return the domain that one organisation has registered, `example.com` of `a.b.example.com`.

    Empty for an address, a name within a cluster or machine, and wherever strangers may have names beside it.
    """
    labels = host.split(".")
    if parse_address(host) is not None or host.endswith(CLUSTER_SUFFIXES) or not all(labels):
        return ""
    if any(".".join(labels[at:]) in HOSTING for at in range(len(labels))):
        return ""
    is_second_level = len(labels) >= 2 and len(labels[-1]) == 2 and labels[-2] in SECOND_LEVELS
    length = 3 if is_second_level else 2
    return ".".join(labels[-length:]) if len(labels) >= length else ""
