"""Where Flux's install manifest comes from: a file, a folder, or a release of fluxcd/flux2, checked by its checksum."""

import hashlib
from collections.abc import Mapping
from http import HTTPStatus
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from cli.bootstrap.wishes import FluxChoice
from cli.grammar.session import Failed

if TYPE_CHECKING:
    from cli.kube.deadline import Deadline

RELEASES: Final = "https://github.com/fluxcd/flux2/releases/download"
RELEASES_VARIABLE: Final = "TAGLINE_FLUX_RELEASES"
"""The address of a mirror of the releases; for tests and closed networks."""
FILE: Final = "install.yaml"
MAX_BYTES: Final = 16 << 20
_SECONDS: Final = 60.0
_OFFLINE: Final = (
    "where there is no way to it, give the release's install.yaml, or what `flux install --export` prints, with "
    "--flux-manifests"
)


def read(choice: FluxChoice, environ: Mapping[str, str], deadline: "Deadline") -> str:
    """Return the text of the install manifest. Raises Failed, which says what could not be had and what to do."""
    data = _from_file(choice.manifests) if choice.manifests else _fetched(choice.version, environ, deadline)
    try:
        return data.decode()
    except UnicodeDecodeError:
        raise Failed("the manifests of Flux are not a text in UTF-8") from None


def _from_file(path: str) -> bytes:
    from controllers.net.library_errors import describe  # noqa: PLC0415

    file = Path(path)
    if file.is_dir():
        found = [file / name for name in (FILE, "gotk-components.yaml") if (file / name).is_file()]
        if not found:
            raise Failed(f"--flux-manifests: {path} has no {FILE}")
        file = found[0]
    try:
        return file.read_bytes()
    except OSError as error:
        raise Failed(f"--flux-manifests: cannot read {file}: {describe(error)}") from None


def _fetched(version: str, environ: Mapping[str, str], deadline: "Deadline") -> bytes:
    """Return the manifest of a release. Nothing is used that is not what the release's checksums say."""
    base = environ.get(RELEASES_VARIABLE, RELEASES).rstrip("/")
    if not base.startswith("https://"):
        raise Failed(f"{RELEASES_VARIABLE} has to begin with https://, for what is fetched runs in the cluster")
    left = deadline.remaining()
    seconds = _SECONDS if left is None else max(min(left, _SECONDS), 0.1)
    sums = _get(f"{base}/{version}/flux_{version.removeprefix('v')}_checksums.txt", version, seconds)
    data = _get(f"{base}/{version}/{FILE}", version, seconds)
    _check(data, sums, version)
    return data


def _check(data: bytes, sums: bytes, version: str) -> None:
    lines = [line.split() for line in sums.decode("ascii", "replace").splitlines()]
    wanted = next((words[0].lower() for words in lines if len(words) == 2 and words[1].lstrip("*") == FILE), "")
    if not wanted:
        raise Failed(f"the checksums of Flux {version} do not name {FILE}, so it cannot be trusted; {_OFFLINE}")
    if hashlib.sha256(data).hexdigest() != wanted:
        raise Failed(f"{FILE} of Flux {version} is not what its checksum says: it was damaged or changed on the way")


def _get(url: str, version: str, seconds: float) -> bytes:
    """Return what is at an https:// address. Proxies are those of the environment. Raises Failed."""
    import urllib.request  # noqa: PLC0415
    from http.client import HTTPException  # noqa: PLC0415
    from urllib.error import HTTPError  # noqa: PLC0415

    from controllers.net.library_errors import describe  # noqa: PLC0415
    from controllers.net.url import redact_text  # noqa: PLC0415

    class Redirects(urllib.request.HTTPRedirectHandler):
        """Each of them stays with TLS: who could change one in between could change what it leads to."""

        def redirect_request(  # noqa: PLR0917 -- urllib's
            self, req: Any, fp: Any, code: int, msg: str, headers: Any, newurl: str
        ) -> Any:
            if not newurl.startswith("https://"):
                raise Failed(f"{url} leads to http://, where anybody on the way can change it")
            return super().redirect_request(req, fp, code, msg, headers, newurl)

    try:
        with urllib.request.build_opener(Redirects).open(url, timeout=seconds) as answer:
            data: bytes = answer.read(MAX_BYTES + 1)
    except HTTPError as error:
        if error.code == HTTPStatus.NOT_FOUND:
            raise Failed(f"there is no release {version} of Flux at {url}; name another with --flux-version") from None
        raise Failed(f"{url} answered {error.code}; {_OFFLINE}") from None
    except (OSError, HTTPException, ValueError) as error:
        reason = getattr(error, "reason", error)
        why = describe(reason) if isinstance(reason, Exception) else str(reason)
        raise Failed(f"cannot fetch {url}: {redact_text(why)}; {_OFFLINE}") from None
    if len(data) > MAX_BYTES:
        raise Failed(f"{url} is larger than {MAX_BYTES >> 20} MiB, which no manifest of Flux is")
    return data
