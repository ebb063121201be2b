"""Image references: what `spec.image` and a marker's image name, and how the registry in them is reached.

Reads references as go-containerregistry's `name` package does, which is laxer than the OCI grammar (`a//b`, `-app` and
a trailing `/` pass) and stricter in one place (a repository has at least two characters). Texts are those of Flux.
Pure: nothing is asked of a registry. Flux: image-reflector-controller docs/spec/v1/imagerepositories.md, "Image".
"""

import ipaddress
import re
import string
from dataclasses import dataclass

DOCKER_HUB = "index.docker.io"
DOCKER_HUB_ALIAS = "docker.io"
DEFAULT_NAMESPACE = "library"
DEFAULT_TAG = "latest"
DIGEST_PREFIX = "sha256:"

TAG = re.compile(r"[A-Za-z0-9_.-]{1,128}")
REPOSITORY = re.compile(r"[a-z0-9_./-]{2,255}")
SHA256 = re.compile(r"[0-9a-f]{64}")
HOST_CHARS = frozenset(string.ascii_letters + string.digits + "-_.~!$&'()*+,;=:[]<>\"")
"""ASCII characters that Go lets into the host of a URL; all others but these are taken."""

LOCALHOST_DOMAIN = re.compile(r".*\.localhost(?::[0-9]{1,5})?")
PRIVATE_NETWORKS = tuple(map(ipaddress.IPv4Network, ("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16")))


USERINFO = re.compile(
    r"^([A-Za-z][A-Za-z0-9+.-]*://)(?:[^/]*|[^][/:@]*:(?!\d+(?:/|$))[^@]*)@"  # of a URL; a password may have a slash
    r"|^()[^/@]+@(?=[^@/:]+(?::\d+)?(?:/|$))"
)
"""A login in front of a host, and not what stands in front of a digest."""


class BadReference(ValueError):
    """The text is not an image reference; the message is Flux's."""


@dataclass(frozen=True, slots=True)
class Image:
    """A repository in a registry, both in canonical form."""

    registry: str
    """Host, with port if one was written; Docker Hub is `index.docker.io`."""
    repository: str

    @property
    def name(self) -> str:
        """The canonical name, `index.docker.io/library/alpine`."""
        return f"{self.registry}/{self.repository}"

    def __str__(self) -> str:
        return self.name


@dataclass(frozen=True, slots=True)
class Reference:
    """One image of a repository."""

    image: Image
    tag: str
    """Empty where the reference has a digest: the digest alone counts."""
    digest: str = ""

    @property
    def identifier(self) -> str:
        return self.digest or self.tag

    @property
    def full_name(self) -> str:
        return f"{self.image.name}{'@' if self.digest else ':'}{self.identifier}"


def parse_image(text: str) -> Image:
    """Return the image that `spec.image` names. Raises BadReference with the text Flux stalls with."""
    scheme, separator, _ = text.partition("://")
    if separator:
        raise BadReference(f"image '{_shown(text)}' should not include URL scheme; remove '{scheme}://'")
    image = parse_reference(text).image
    _, colon, tag = text.removeprefix(image.registry).partition(":")
    if colon:
        raise BadReference(f"image '{text}' should not include a tag; remove ':{tag.partition(':')[0]}'")
    return image


def parse_reference(text: str) -> Reference:
    """Return the image with its tag (`latest` when there is none) or digest. Raises BadReference."""
    reference = _parse_tagged(text) or _parse_digested(text)
    if reference is None:
        raise BadReference(f"could not parse reference: {_shown(text)}")
    return reference


def allows_http(image: Image, insecure: bool) -> bool:
    """Return True when the registry may be asked over plain HTTP: the user allows it, or it is local by its name.

    Local are RFC 1918 addresses, `localhost:PORT`, names under `.localhost`, and whatever contains 127.0.0.1 or ::1.
    """
    registry = image.registry
    return (
        insecure
        or _is_private(registry.partition(":")[0])
        or registry.startswith("localhost:")
        or LOCALHOST_DOMAIN.fullmatch(registry) is not None
        or "127.0.0.1" in registry
        or "::1" in registry
    )


def _shown(text: str) -> str:
    """Return a text that is no reference without the login that somebody has put in front of its host."""
    return USERINFO.sub(r"\1\2REDACTED@", text)


def is_loopback(image: Image) -> bool:
    """Return True when the registry is on this machine by its name: nobody in between can answer in its place."""
    bracketed, closing, _ = image.registry.removeprefix("[").partition("]")
    host = bracketed if closing else image.registry.partition(":")[0]
    if host == "localhost" or host.endswith(".localhost"):
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _parse_tagged(text: str) -> Reference | None:
    base, colon, tag = text.rpartition(":")
    if not colon or "/" in tag:
        base, tag = text, DEFAULT_TAG
    image = _image(base) if TAG.fullmatch(tag) else None
    return Reference(image, tag) if image else None


def _parse_digested(text: str) -> Reference | None:
    base, at, digest = text.partition("@")
    if not at or not digest.startswith(DIGEST_PREFIX) or not SHA256.fullmatch(digest.removeprefix(DIGEST_PREFIX)):
        return None
    tagged = _parse_tagged(base)
    image = tagged.image if tagged else _image(base)
    return Reference(image, "", digest) if image else None


def _image(text: str) -> Image | None:
    first, slash, rest = text.partition("/")
    registry, repository = (first, rest) if slash and ("." in first or ":" in first) else ("", text)
    if not REPOSITORY.fullmatch(repository) or not _is_authority(registry):
        return None
    if registry in {"", DOCKER_HUB_ALIAS}:
        registry = DOCKER_HUB
    if registry == DOCKER_HUB and "/" not in repository:
        repository = f"{DEFAULT_NAMESPACE}/{repository}"
    return Image(registry, repository)


def _is_authority(host: str) -> bool:
    """Return True when Go's `url.Parse` finds exactly `host` as the host of `//host`."""
    if not all(char in HOST_CHARS or not char.isascii() for char in host):
        return False
    bracket = host.rfind("[")
    if bracket > 0:
        return False
    if bracket < 0:
        _, _, port = host.rpartition(":") if ":" in host else ("", "", "")
        return _is_port(port)
    address, closing, rest = host[1:].rpartition("]")
    return bool(closing) and _is_ipv6(address) and (not rest or (rest[0] == ":" and _is_port(rest[1:])))


def _is_port(text: str) -> bool:
    return not text or (text.isascii() and text.isdigit())


def _is_ipv6(text: str) -> bool:
    try:
        return not text.startswith("%") and bool(ipaddress.IPv6Address(text))
    except ValueError:
        return False


def _is_private(text: str) -> bool:
    try:
        address = ipaddress.IPv4Address(text)
    except ValueError:
        return False
    return any(address in network for network in PRIVATE_NETWORKS)
