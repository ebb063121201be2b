"""Credential plugins as real programs: what they are asked, how long answers are kept, and every way to misbehave."""

import asyncio
import json
import os
import sys
from pathlib import Path

import pytest

from controllers.image.reference import parse_image
from controllers.imageaccess import plugins as module
from controllers.imageaccess.errors import AccessFailed, BadPluginConfig
from controllers.imageaccess.plugins import Plugins, load_plugins
from controllers.imageaccess.reader import AccessReader
from controllers.registry.dockerconfig import Credentials
from testing.builders import image_repository
from testing.clock import VirtualClock
from testing.kube import FakeKube

API = "credentialprovider.kubelet.k8s.io/v1"
APP, OTHER = parse_image("ghcr.io/org/app"), parse_image("ghcr.io/org/other")
ANSWER = {
    "apiVersion": API,
    "kind": "CredentialProviderResponse",
    "cacheKeyType": "Registry",
    "cacheDuration": "1h",
    "auth": {"ghcr.io": {"username": "user", "password": "hunter2"}},
}
USER = Credentials("user", "hunter2")
TEAM = "team"


class Folder:
    """A plugin's program, and the log of what it was asked."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.log = path / "asked"
        self.config = path / "config.yaml"
        self.behave(json.dumps(ANSWER))

    def behave(self, output: str, *, then: str = "") -> None:
        """Write a program that prints `output`, then runs a line of Python."""
        (self.path / "login").write_text(
            f"#!{sys.executable} -IS\n"
            "import os, sys, time\n"
            f"with open({str(self.log)!r}, 'a') as log:\n"
            "    log.write(sys.stdin.read() + ' ' + ' '.join(sys.argv[1:]) + os.environ.get('SITE', '') + '\\n')\n"
            f"sys.stdout.write({output!r}); sys.stdout.flush()\n"
            f"{then}\n"
        )
        (self.path / "login").chmod(0o755)

    def answer(self, **fields: object) -> None:
        self.behave(json.dumps(ANSWER | fields))

    def configure(self, *providers: dict[str, object], **fields: object) -> None:
        provider: dict[str, object] = {
            "name": "login",
            "matchImages": ["ghcr.io", "*.example.com/team"],
            "defaultCacheDuration": "10m",
            "apiVersion": API,
        }
        config = {
            "apiVersion": "kubelet.config.k8s.io/v1",
            "kind": "CredentialProviderConfig",
            "providers": [provider | one for one in providers or ({},)],
        }
        self.config.write_text(json.dumps(config | fields))

    def plugins(self, clock: VirtualClock | None = None) -> Plugins:
        return Plugins(load_plugins(str(self.config), str(self.path)), clock or VirtualClock())

    @property
    def asked(self) -> list[str]:
        return self.log.read_text().splitlines() if self.log.exists() else []


@pytest.fixture
def folder(tmp_path: Path) -> Folder:
    folder = Folder(tmp_path)
    folder.configure()
    return folder


async def test_a_plugin_that_waits_for_one_tenant_is_run_for_another(folder: Folder) -> None:
    folder.answer()
    program = folder.path / "login"
    waits = "if 'evil' in open('/proc/self/fd/0').read(): time.sleep(60)\n"
    program.write_text(program.read_text().replace("sys.stdout.write", f"{waits}sys.stdout.write", 1))
    plugins = folder.plugins()
    evil = asyncio.ensure_future(plugins.credentials(parse_image("ghcr.io/org/evil"), owner="attacker"))
    await asyncio.sleep(0)
    async with asyncio.timeout(20):
        assert await plugins.credentials(APP, owner=TEAM) == USER
    assert not evil.done()
    evil.cancel()
    await asyncio.wait([evil])


async def test_a_plugin_is_asked_as_kubelet_asks(folder: Folder) -> None:
    folder.configure({"args": ["get", "it"], "env": [{"name": "SITE", "value": "/lab"}]})
    assert await folder.plugins().credentials(APP, owner=TEAM) == USER
    (asked,) = folder.asked
    request, _, rest = asked.rpartition("} ")
    assert json.loads(request + "}") == {
        "apiVersion": API,
        "kind": "CredentialProviderRequest",
        "image": "ghcr.io/org/app",
    }
    assert rest == "get it/lab"


async def test_a_plugin_is_asked_only_for_its_images(folder: Folder) -> None:
    plugins = folder.plugins()
    assert await plugins.credentials(parse_image("quay.io/org/app"), owner=TEAM) is None
    assert await plugins.credentials(parse_image("a.example.com/org/app"), owner=TEAM) is None
    assert folder.asked == []
    assert (
        await plugins.credentials(parse_image("a.example.com/team/app"), owner=TEAM) is None
    )  # asked, but it has nothing
    assert len(folder.asked) == 1


@pytest.mark.parametrize(
    ("fields", "seconds", "runs"),
    [
        pytest.param({"cacheKeyType": "Image"}, 0, 2, id="by-image"),
        pytest.param({"cacheKeyType": "Registry"}, 0, 1, id="by-registry"),
        pytest.param({"cacheKeyType": "Global"}, 0, 1, id="global"),
        pytest.param({"cacheDuration": "1h"}, 3599, 1, id="until-it-is-over"),
        pytest.param({"cacheDuration": "1h"}, 3600, 2, id="no-longer"),
        pytest.param({"cacheDuration": None}, 599, 1, id="default-where-it-does-not-say"),
        pytest.param({"cacheDuration": None}, 600, 2, id="default-is-over"),
        pytest.param({"cacheDuration": "0s"}, 0, 2, id="not-at-all"),
    ],
)
async def test_answers_are_kept_as_they_say(folder: Folder, fields: dict[str, object], seconds: int, runs: int) -> None:
    folder.answer(**fields)
    clock = VirtualClock()
    plugins = folder.plugins(clock)
    assert await plugins.credentials(APP, owner=TEAM) == USER
    await clock.advance(seconds)
    assert await plugins.credentials(OTHER, owner=TEAM) == USER
    assert len(folder.asked) == runs


async def test_the_first_plugin_with_something_wins(folder: Folder) -> None:
    os.link(folder.path / "login", folder.path / "second")
    folder.configure({"matchImages": ["*.io"]}, {"name": "second", "matchImages": ["ghcr.io/org"]})
    folder.answer(auth={"quay.io": {"username": "no", "password": "no"}})
    assert await folder.plugins().credentials(APP, owner=TEAM) is None
    assert len(folder.asked) == 2


@pytest.mark.parametrize(
    ("output", "then", "reason"),
    [
        pytest.param("", "sys.exit(3)", "ended with status 3", id="fails"),
        pytest.param("no json", "", "did not answer with a CredentialProviderResponse", id="no-json"),
        pytest.param("[" * 100_000, "", "did not answer with a CredentialProviderResponse", id="deep"),
        pytest.param(
            json.dumps(ANSWER | {"kind": "Other"}), "", "did not answer with a CredentialProviderResponse", id="kind"
        ),
        pytest.param(
            json.dumps(ANSWER | {"apiVersion": "v0"}), "", f"answered in another version than {API}", id="version"
        ),
        pytest.param(
            json.dumps(ANSWER | {"cacheDuration": "long"}), "", "answered with a cacheDuration that is none", id="time"
        ),
        pytest.param("", "sys.stdout.write('x' * 3_000_000)", "answered with more than 1048576 bytes", id="endless"),
    ],
)
async def test_a_plugin_that_misbehaves_is_named_without_its_words(
    folder: Folder, output: str, then: str, reason: str
) -> None:
    folder.behave(output, then=f"sys.stderr.write('hunter2')\n{then}")
    with pytest.raises(AccessFailed) as error:
        await folder.plugins().credentials(APP, owner=TEAM)
    assert str(error.value) == f"credential plugin 'login' {reason}"


async def test_a_plugin_that_hangs_is_ended(folder: Folder, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "RUN_SECONDS", 0.2)
    folder.behave("", then="time.sleep(60)")
    with pytest.raises(AccessFailed, match=r"^credential plugin 'login' did not end within 0s$"):
        await folder.plugins().credentials(APP, owner=TEAM)


async def test_a_program_that_went_away(folder: Folder) -> None:
    plugins = folder.plugins()
    (folder.path / "login").unlink()
    with pytest.raises(AccessFailed, match=r"^credential plugin 'login' cannot be run: No such file or directory$"):
        await plugins.credentials(APP, owner=TEAM)


@pytest.mark.parametrize(
    ("provider", "reason"),
    [
        pytest.param({"name": "../login"}, "provider name '../login' is not the name of a file", id="path"),
        pytest.param({"name": "none"}, "none is not a program", id="missing"),
        pytest.param({"matchImages": []}, "matchImages is empty", id="no-images"),
        pytest.param({"apiVersion": "v1alpha1"}, f"apiVersion v1alpha1 is not {API}", id="version"),
        pytest.param({"tokenAttributes": {"serviceAccountTokenAudience": "x"}}, "tokenAttributes is not", id="tokens"),
        pytest.param({"defaultCacheDuration": "x"}, "x", id="duration"),
        pytest.param({"matchImages": 1}, "Expected `array`", id="shape"),
    ],
)
def test_a_configuration_that_cannot_work_is_refused(folder: Folder, provider: dict[str, object], reason: str) -> None:
    folder.configure(provider)
    with pytest.raises(BadPluginConfig) as error:
        folder.plugins()
    assert reason in str(error.value)
    assert str(folder.config) in str(error.value)


@pytest.mark.parametrize("text", ["", "[", "kind: Other\napiVersion: v1\nproviders: []\n"])
def test_a_file_that_is_no_configuration_is_refused(folder: Folder, text: str) -> None:
    folder.config.write_text(text)
    with pytest.raises(BadPluginConfig):
        folder.plugins()


async def test_plugins_come_after_the_secrets_of_the_object(folder: Folder) -> None:
    reader = AccessReader(FakeKube(), plugins=folder.plugins())
    assert (await reader.read(image_repository(), APP)).credentials == USER
