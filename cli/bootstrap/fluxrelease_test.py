import hashlib
from collections.abc import Iterator
from pathlib import Path

import pytest

from cli.bootstrap.fluxrelease import read
from cli.grammar.session import Failed
from cli.kube.deadline import Deadline
from hack.flux_manifest import released
from testing.bootstrap_flags import wishes
from testing.certificates import create_authority, issue_server_key_pair
from testing.gitserver import CannedResponse, GitServer, Request

FILES = "/v2.9.4/install.yaml", "/v2.9.4/flux_2.9.4_checksums.txt"


class Releases:
    """Serves the files of releases over TLS."""

    def __init__(self, server: GitServer) -> None:
        self.environ = {"TAGLINE_FLUX_RELEASES": f"https://127.0.0.1:{server.port}/"}
        body = released().encode()
        sums = f"{'0' * 64}  flux_2.9.4_linux_amd64.tar.gz\n{hashlib.sha256(body).hexdigest()}  install.yaml\n"
        self.files = {FILES[0]: body, FILES[1]: sums.encode()}
        self.moved: dict[str, str] = {}
        server.respond = self._respond

    def _respond(self, request: Request) -> CannedResponse:
        if request.path in self.moved:
            return CannedResponse(302, headers={"Location": self.moved[request.path]})
        body = self.files.get(request.path)
        return CannedResponse(404, b"") if body is None else CannedResponse(200, body)

    def read(self, version: str = "v2.9.4") -> str:
        return read(wishes(flux_version=version).flux, self.environ, Deadline(20))


@pytest.fixture
def releases(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Releases]:
    authority = create_authority("releases")
    (tmp_path / "ca.pem").write_bytes(authority.certificate)
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "ca.pem"))
    with GitServer(tmp_path, tls=issue_server_key_pair(authority, "127.0.0.1").server_context()) as server:
        yield Releases(server)


def test_a_release_is_fetched_and_checked(releases: Releases) -> None:
    assert releases.read() == released()


def test_what_was_changed_on_the_way_is_not_used(releases: Releases) -> None:
    releases.files[FILES[0]] += b"# one byte more\n"
    with pytest.raises(Failed, match="not what its checksum says"):
        releases.read()


def test_what_the_checksums_do_not_name_is_not_used(releases: Releases) -> None:
    releases.files[FILES[1]] = b"0  other.yaml\n"
    with pytest.raises(Failed, match=r"do not name install.yaml.*--flux-manifests"):
        releases.read()


def test_a_release_that_there_is_not_is_said(releases: Releases) -> None:
    with pytest.raises(Failed, match=r"no release v2.0.9 of Flux.*--flux-version"):
        releases.read("v2.0.9")


def test_a_host_that_nobody_vouches_for_is_not_believed(releases: Releases, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("SSL_CERT_FILE")
    with pytest.raises(Failed, match=r"cannot fetch .*--flux-manifests"):
        releases.read()


def test_a_release_may_be_elsewhere_but_no_step_of_the_way_is_without_tls(releases: Releases) -> None:
    base = releases.environ["TAGLINE_FLUX_RELEASES"].rstrip("/")
    releases.moved = {FILES[0]: f"{base}/elsewhere.yaml"}
    releases.files["/elsewhere.yaml"] = releases.files[FILES[0]]
    assert releases.read() == released()
    releases.moved = {FILES[0]: f"{base.replace('https', 'http')}/back.yaml"}
    with pytest.raises(Failed, match=r"install\.yaml leads to http://"):
        releases.read()


def test_nothing_is_fetched_without_tls() -> None:
    with pytest.raises(Failed, match="https://"):
        read(wishes(flux_version="v2.9.4").flux, {"TAGLINE_FLUX_RELEASES": "http://git.test"}, Deadline(20))


def test_a_file_or_folder_serves_where_there_is_no_internet(tmp_path: Path) -> None:
    (tmp_path / "install.yaml").write_text("a: b\n")
    for path in (tmp_path, tmp_path / "install.yaml"):
        assert read(wishes(flux_manifests=str(path)).flux, {}, Deadline(20)) == "a: b\n"
    (tmp_path / "install.yaml").unlink()
    with pytest.raises(Failed, match=r"has no install\.yaml"):
        read(wishes(flux_manifests=str(tmp_path)).flux, {}, Deadline(20))
