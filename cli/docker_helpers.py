"""Docker's credential helpers: programs that keep the logins which `config.json` only refers to.

`credHelpers` names the program of one registry, `credsStore` that of all others; each is `docker-credential-NAME`.
Called with `get` it reads the registry from its standard input, and writes the login as JSON to its standard output.
https://docs.docker.com/reference/cli/docker/login/#credential-helper-protocol
What a program prints is never shown: it may have a secret in it.
"""

import json
import os
import re
import shutil
from collections.abc import Iterable, Mapping
from typing import Any, Final

from cli.helper_programs import NoAnswer, run_helper
from controllers.net.foreign_text import sanitize
from controllers.registry.dockerconfig import DOCKER_HUB

SECONDS: Final = 30.0
"""Logins to clouds take some; a program that waits for a person takes forever."""
HUB_KEY: Final = "https://index.docker.io/v1/"
"""Under which Docker keeps the login of Docker Hub."""
_NAME: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")
_NOT_FOUND: Final = (b"credentials not found in native keychain", b"no credentials server URL")
_TOKEN_USER: Final = "<token>"  # noqa: S105
"""As whom an identity token is kept."""


class HelperFailed(Exception):
    """A program gives no answer; the text says why and what to do."""


class HelperSilent(HelperFailed):
    """It did not answer in time, and will hardly do so for another registry."""


def complete_config(
    content: bytes, registries: Iterable[str], *, title: str, environ: Mapping[str, str], seconds: float = SECONDS
) -> tuple[bytes, list[str]]:
    """Return a configuration with what its helpers know of some registries, and why others gave no answer.

    registries: hosts of images. title: of the configuration, for messages. A configuration that names no helper, or
    is none, is returned as it is. A helper that keeps this waiting is asked once.
    """
    config = _parse(content)
    names = {host: name for host in registries if (name := _helper_of(host, config))}
    if not names:
        return content, []
    logins: dict[str, dict[str, str]] = {}
    notices: list[str] = []
    silent: dict[str, HelperSilent] = {}
    for host, name in sorted(names.items()):
        try:
            if name in silent:
                raise silent[name]
            if login := ask_helper(name, _key_of(host), environ=environ, seconds=seconds):
                logins[host] = login
        except HelperFailed as error:
            if isinstance(error, HelperSilent):
                silent[name] = error
            notices.append(f"{title}: credential helper '{sanitize(name)}' for {_shown(host)}: {error}")
    auths = config.get("auths")
    kept = {
        key: entry
        for key, entry in (auths.items() if isinstance(auths, dict) else ())
        # Docker leaves an empty entry where the login is in a store.
        if entry and not (_host(key) in names and _host(key) in logins)
    }
    return json.dumps({"auths": {**kept, **logins}}).encode(), notices


def ask_helper(name: str, key: str, *, environ: Mapping[str, str], seconds: float = SECONDS) -> dict[str, str] | None:
    """Return the login that a helper has for a key as an entry of `auths`; None for none. Raises HelperFailed."""
    if not _NAME.fullmatch(name):
        raise HelperFailed("that is no name of a program; mend Docker's configuration")
    command = f"docker-credential-{name}"
    program = shutil.which(command, path=environ.get("PATH"))
    if program is None:
        raise HelperFailed(f"there is no program {command} in PATH; install it, or log in with docker login")
    try:
        status, answer = run_helper([program, "get"], f"{key}\n".encode(), environ=environ, seconds=seconds)
    except NoAnswer:
        raise HelperSilent(f"{command} did not answer within {seconds:g} s") from None
    except OSError as error:
        raise HelperFailed(f"{command} cannot be run: {os.strerror(error.errno or 0)}") from None
    if status:
        if any(text in answer for text in _NOT_FOUND):
            return None
        raise HelperFailed(f"{command} failed with exit status {status}; to see why: echo {key} | {command} get")
    return _to_entry(answer, command)


def _to_entry(answer: bytes, command: str) -> dict[str, str] | None:
    try:
        login = json.loads(answer)
        user, secret = login["Username"], login["Secret"]
    except (ValueError, KeyError, TypeError, RecursionError):
        raise HelperFailed(f"the answer of {command} is not JSON with Username and Secret") from None
    if not (isinstance(user, str) and isinstance(secret, str)):
        raise HelperFailed(f"the answer of {command} is not JSON with Username and Secret")
    if not secret:
        return None
    return {"identitytoken": secret} if user == _TOKEN_USER else {"username": user, "password": secret}


def _parse(content: bytes) -> dict[str, Any]:
    try:
        config = json.loads(content)
    except (ValueError, RecursionError):
        return {}
    return config if isinstance(config, dict) else {}


def _helper_of(host: str, config: Mapping[str, Any]) -> str:
    helpers = config.get("credHelpers")
    if isinstance(helpers, dict):
        keys = (HUB_KEY, *DOCKER_HUB) if host in DOCKER_HUB else (host,)
        for key in keys:
            if isinstance(name := helpers.get(key), str) and name:
                return name
    store = config.get("credsStore")
    return store if isinstance(store, str) else ""


def _key_of(host: str) -> str:
    return HUB_KEY if host in DOCKER_HUB else host


def _shown(host: str) -> str:
    return "docker.io" if host in DOCKER_HUB else host


def _host(key: str) -> str:
    """Return the host of a key of `auths`; Docker Hub's under the name that images have."""
    host = key.removeprefix("https://").removeprefix("http://").partition("/")[0]
    return DOCKER_HUB[0] if host in DOCKER_HUB else host
