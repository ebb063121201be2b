"""Credential plugins: programs that provide logins we do not implement, called with kubelet's protocol.

Follows https://kubernetes.io/docs/tasks/administer-cluster/kubelet-credential-provider/: one JSON object to the
program, one back, and how long it is valid. Plugins run when the repository's own Secrets have nothing for the image.
 Left out: tokens of ServiceAccounts for plugins (`tokenAttributes`).
"""

import asyncio
import os
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import BinaryIO, Literal, NamedTuple
from weakref import WeakValueDictionary

import msgspec
from cachetools import TLRUCache

from controllers.clock import Clock
from controllers.golang.duration import parse_duration
from controllers.image.reference import Image
from controllers.imageaccess.errors import AccessFailed, BadPluginConfig
from controllers.net.library_errors import describe
from controllers.registry.dockerconfig import JSON_KEY, JSON_TYPE, Credentials, PullSecret, matches, resolve_credentials

API_VERSION = "credentialprovider.kubelet.k8s.io/v1"
CONFIG_KINDS = ("kubelet.config.k8s.io/v1", "CredentialProviderConfig")
RUN_SECONDS = 60.0
"""As long as kubelet waits."""
MAX_ANSWER_BYTES = 1 << 20
MAX_CACHED = 1024


class EnvVar(msgspec.Struct, frozen=True):
    name: str
    value: str = ""


class CredentialProvider(msgspec.Struct, frozen=True, rename="camel"):
    """One entry of the configuration."""

    name: str
    match_images: tuple[str, ...]
    default_cache_duration: str
    api_version: str
    args: tuple[str, ...] = ()
    env: tuple[EnvVar, ...] = ()
    token_attributes: object = None


class CredentialProviderConfig(msgspec.Struct, rename="camel"):
    api_version: str
    kind: str
    providers: tuple[CredentialProvider, ...]


class AuthEntry(msgspec.Struct):
    username: str = ""
    password: str = ""

    def __repr__(self) -> str:
        return "AuthEntry()"


class CredentialProviderResponse(msgspec.Struct, rename="camel"):
    """What a plugin answers."""

    api_version: str
    kind: Literal["CredentialProviderResponse"]
    cache_key_type: Literal["Image", "Registry", "Global"]
    cache_duration: str | None = None
    auth: dict[str, AuthEntry] | None = None


@dataclass(frozen=True, slots=True)
class Plugin:
    """A program and the images it is asked for."""

    name: str
    program: Path
    images: tuple[str, ...]
    lifetime: timedelta
    """Of an answer that states none."""
    args: tuple[str, ...] = ()
    env: tuple[tuple[str, str], ...] = ()


def load_plugins(config: str, folder: str) -> tuple[Plugin, ...]:
    """Return the plugins of a configuration file (YAML or JSON); `folder` has the programs. Raises BadPluginConfig."""
    import yaml  # type: ignore[import-untyped] # noqa: PLC0415 - a process without plugins does not need it

    try:
        with open(config, "rb") as file:
            read = msgspec.convert(yaml.safe_load(file), CredentialProviderConfig)
        if (read.api_version, read.kind) != CONFIG_KINDS:
            raise BadPluginConfig(f"want {CONFIG_KINDS[0]} {CONFIG_KINDS[1]}, got {read.api_version} {read.kind}")
        return tuple(_plugin(provider, Path(folder)) for provider in read.providers)
    except (BadPluginConfig, OSError, ValueError, yaml.YAMLError) as error:
        raise BadPluginConfig(f"credential plugins of {config}: {describe(error)}") from error


def _plugin(provider: CredentialProvider, folder: Path) -> Plugin:
    if not provider.name or "/" in provider.name or provider.name in {".", ".."}:
        raise BadPluginConfig(f"provider name '{provider.name}' is not the name of a file")
    if provider.api_version != API_VERSION:
        raise BadPluginConfig(f"provider {provider.name}: apiVersion {provider.api_version} is not {API_VERSION}")
    if not provider.match_images:
        raise BadPluginConfig(f"provider {provider.name}: matchImages is empty")
    if provider.token_attributes is not None:
        raise BadPluginConfig(f"provider {provider.name}: tokenAttributes is not supported")
    program = folder / provider.name
    if not os.access(program, os.X_OK):
        raise BadPluginConfig(f"provider {provider.name}: {program} is not a program")
    lifetime = parse_duration(provider.default_cache_duration)
    env = tuple((variable.name, variable.value) for variable in provider.env)
    return Plugin(provider.name, program, provider.match_images, lifetime, provider.args, env)


class _CachedAnswer(NamedTuple):
    secret: PullSecret
    good_until: float
    """In monotonic seconds."""


class Plugins:
    """Runs plugins and keeps their answers. Used from one event loop, by any number of tasks."""

    def __init__(self, plugins: Sequence[Plugin], clock: Clock) -> None:
        self._plugins = plugins
        self._clock = clock
        self._cache: TLRUCache[tuple[str, str], _CachedAnswer] = TLRUCache(
            MAX_CACHED, ttu=lambda _key, answer, _now: answer.good_until, timer=clock.monotonic
        )
        """What a plugin answered, by its name and image, registry or ""."""
        self._running: WeakValueDictionary[tuple[str, str], asyncio.Lock] = WeakValueDictionary()
        """By plugin and owner."""

    async def credentials(self, image: Image, *, owner: str) -> Credentials | None:
        """Return what the first plugin with credentials for `image` answers; None without one. Raises AccessFailed.

        owner: for whom, a namespace: each has a plugin run once at a time, whatever those of others wait for.
        """
        for plugin in self._plugins:
            if any(matches(pattern, image) for pattern in plugin.images):
                async with self._running.setdefault((plugin.name, owner), asyncio.Lock()):
                    answer = self._cached(plugin, image) or await self._ask(plugin, image)
                if credentials := resolve_credentials(image, [answer]):
                    return credentials
        return None

    def _cached(self, plugin: Plugin, image: Image) -> PullSecret | None:
        answers = (self._cache.get((plugin.name, key)) for key in (image.name, image.registry, ""))
        return next((answer.secret for answer in answers if answer), None)

    async def _ask(self, plugin: Plugin, image: Image) -> PullSecret:
        asked_at = self._clock.monotonic()
        answer = _read(plugin, await _run(plugin, image))
        try:
            lifetime = plugin.lifetime if answer.cache_duration is None else parse_duration(answer.cache_duration)
        except ValueError:
            raise _failed(plugin, "answered with a cacheDuration that is none") from None
        secret = _as_pull_secret(plugin, answer)
        if lifetime > timedelta(0):
            key = {"Image": image.name, "Registry": image.registry, "Global": ""}[answer.cache_key_type]
            self._cache[plugin.name, key] = _CachedAnswer(secret, asked_at + lifetime.total_seconds())
        return secret


async def _run(plugin: Plugin, image: Image) -> bytes:
    """Return what the program writes. Uses files in memory instead of pipes, so that nobody waits for a reader."""
    request = {"apiVersion": API_VERSION, "kind": "CredentialProviderRequest", "image": image.name}
    with _memory_file() as stdin, _memory_file() as stdout:
        stdin.write(msgspec.json.encode(request))
        stdin.seek(0)
        status = await _wait_for_exit(plugin, stdin=stdin, stdout=stdout)
        if status != 0:
            raise _failed(plugin, f"ended with status {status}")
        stdout.seek(0)
        output = stdout.read(MAX_ANSWER_BYTES + 1)
    if len(output) > MAX_ANSWER_BYTES:
        raise _failed(plugin, f"answered with more than {MAX_ANSWER_BYTES} bytes")
    return output


async def _wait_for_exit(plugin: Plugin, *, stdin: BinaryIO, stdout: BinaryIO) -> int:
    """Return the program's exit status. It does not outlive this call."""
    try:
        process = await asyncio.create_subprocess_exec(
            plugin.program,
            *plugin.args,
            env={**os.environ, **dict(plugin.env)},
            stdin=stdin,
            stdout=stdout,
            stderr=asyncio.subprocess.DEVNULL,  # it may hold secrets
        )
    except OSError as error:
        raise _failed(plugin, f"cannot be run: {describe(error)}") from error
    try:
        async with asyncio.timeout(RUN_SECONDS):
            return await process.wait()
    except TimeoutError:
        raise _failed(plugin, f"did not end within {RUN_SECONDS:.0f}s") from None
    finally:
        if process.returncode is None:
            with suppress(ProcessLookupError):
                process.kill()
            await process.wait()


def _memory_file() -> BinaryIO:
    return os.fdopen(os.memfd_create("plugin"), "w+b", buffering=0)


def _read(plugin: Plugin, output: bytes) -> CredentialProviderResponse:
    try:
        answer = msgspec.json.decode(output, type=CredentialProviderResponse)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        raise _failed(plugin, "did not answer with a CredentialProviderResponse") from None
    if answer.api_version != API_VERSION:
        raise _failed(plugin, f"answered in another version than {API_VERSION}")
    return answer


def _as_pull_secret(plugin: Plugin, answer: CredentialProviderResponse) -> PullSecret:
    """Return the answer as a pull secret: the keys of both match images in the same way."""
    config = {"auths": answer.auth or {}}
    return PullSecret(JSON_TYPE, {JSON_KEY: msgspec.json.encode(config)}, plugin.name, "credential plugin")


def _failed(plugin: Plugin, what: str) -> AccessFailed:
    return AccessFailed(f"credential plugin '{plugin.name}' {what}")
