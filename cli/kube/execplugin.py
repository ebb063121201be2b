"""Credentials from a command, as `aws`, `gke-gcloud-auth-plugin` and `kubelogin` give them.

The protocol: https://kubernetes.io/docs/reference/access-authn-authz/authentication/#client-go-credential-plugins
What a plugin says on stderr is the user's to read and goes there; what it says on stdout is secret and appears nowhere.
"""

import json
import os
import time
from collections.abc import Callable, Mapping
from typing import Any, Final

from cli.kube.connection import Identity
from cli.kube.credentials import with_token
from cli.kube.deadline import Deadline
from cli.kube.kubeconfig import Entry
from controllers.runtime.kube.errors import NotConfigured

VERSIONS: Final = ("client.authentication.k8s.io/v1", "client.authentication.k8s.io/v1beta1")
_MODES: Final = ("Never", "IfAvailable", "Always")
_WITHOUT_PLUGIN: Final = (
    "where it cannot be installed, as in tagline's image, a kubeconfig with a token does (kubectl create token)"
)


class ExecPlugin:
    """A command that is run when an identity is first needed, when it has expired, and when it was refused."""

    def __init__(
        self,
        user: Entry,
        *,
        cluster: Mapping[str, Any],
        otherwise: Identity,
        environ: Mapping[str, str],
        is_terminal: Callable[[], bool] = lambda: os.isatty(0),
        now: Callable[[], float] = time.time,
    ) -> None:
        """Check what the kubeconfig says. Raises NotConfigured.

        cluster: what a plugin with `provideClusterInfo` is told
        otherwise: the certificate of the user, for a plugin that gives a token only
        """
        self._source = user.source
        self._spec = _Spec(user)
        self._cluster = cluster if self._spec.wants_cluster else None
        self._otherwise = otherwise
        self._environ = environ
        self._is_terminal = is_terminal
        self._now = now
        self._identity: Identity | None = None
        self._expires: float | None = None

    def identity(self, deadline: Deadline) -> Identity:
        """Return what the plugin says; it is asked when the last answer has expired. Raises NotConfigured."""
        if self._identity is None or (self._expires is not None and self._now() >= self._expires):
            self._identity, self._expires = self._read(self._run(deadline))
        return self._identity

    def renew(self) -> bool:
        """Forget the answer; return whether there was one."""
        had = self._identity is not None
        self._identity = None
        return had

    def _run(self, deadline: Deadline) -> bytes:
        import subprocess  # noqa: PLC0415 -- only for those who have a plugin

        spec = self._spec
        interactive = self._may_ask()
        told = {"apiVersion": spec.version, "kind": "ExecCredential", "spec": {"interactive": interactive}}
        if self._cluster is not None:
            told["spec"] = {"interactive": interactive, "cluster": self._cluster}
        environ = {**self._environ, **spec.environ, "KUBERNETES_EXEC_INFO": json.dumps(told)}
        try:
            done = subprocess.run(  # noqa: S603 -- it is what the kubeconfig is for
                [spec.command, *spec.arguments],
                stdin=None if interactive else subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                env=environ,
                timeout=deadline.remaining(),
                check=False,
            )
        except subprocess.TimeoutExpired:
            raise deadline.error(f"ask the exec plugin {spec.command} for credentials") from None
        except (OSError, ValueError) as error:
            reason = os.strerror(error.errno or 0) if isinstance(error, OSError) else "the command is not a text"
            if isinstance(error, FileNotFoundError):
                reason += f", and {_WITHOUT_PLUGIN}"
            raise self._error(f"cannot be run: {reason}") from None
        if done.returncode:
            raise self._error(f"ended with status {done.returncode}")
        return done.stdout

    def _may_ask(self) -> bool:
        if self._spec.mode == "Never":
            return False
        there = self._is_terminal()
        if self._spec.mode == "Always" and not there:
            raise self._error("needs a terminal to ask you, and standard input is none")
        return there

    def _read(self, answer: bytes) -> tuple[Identity, float | None]:
        try:
            said = json.loads(answer)
            status = said.get("status") or {}
            fields = [status.get(n) or "" for n in ("token", "clientCertificateData", "clientKeyData")]
            expires = _moment(status.get("expirationTimestamp"))
        except (ValueError, AttributeError, TypeError, RecursionError):
            raise self._error("answered with something other than an ExecCredential in JSON") from None
        if said.get("kind") != "ExecCredential" or said.get("apiVersion") != self._spec.version:
            raise self._error(f"answered in another version than {self._spec.version}; update it or its apiVersion")
        token, certificate, key = (value if isinstance(value, str) else "" for value in fields)
        if not token and not certificate:
            raise self._error("answered with neither a token nor a client certificate")
        if bool(certificate) != bool(key):
            raise self._error("answered with a client certificate or a key, but not with both")
        source = f"{self._source}: exec plugin {self._spec.command}"
        pair = Identity("", certificate.encode(), key.encode(), source) if certificate else self._otherwise
        return with_token(pair, token, f"the token of {source}"), expires

    def _error(self, what: str) -> NotConfigured:
        hint = f"; {self._spec.hint}" if self._spec.hint else "; run it by hand to see why"
        return NotConfigured(f"{self._source}: exec plugin {self._spec.command} {what}{hint}")


class _Spec:
    """The `exec` of a user, checked."""

    def __init__(self, user: Entry) -> None:
        given = user.content["exec"]
        if not isinstance(given, dict):
            raise NotConfigured(f"{user.source}: exec must be a mapping")
        self.version = str(given.get("apiVersion") or "")
        if self.version not in VERSIONS:
            raise NotConfigured(f"{user.source}: exec must have one of these as apiVersion: {', '.join(VERSIONS)}")
        command = given.get("command")
        self.arguments = given.get("args") or []
        variables = given.get("env") or []
        if not isinstance(command, str) or not command or not _are_texts(self.arguments):
            raise NotConfigured(f"{user.source}: exec must have a command, and args that are texts")
        self.command = command
        try:
            self.environ = {pair["name"]: pair["value"] for pair in variables}
        except (TypeError, KeyError):
            self.environ = {"": ""}
        if not all(isinstance(text, str) and name for name, text in self.environ.items()):
            raise NotConfigured(f"{user.source}: each env of exec must have a name and a value that are texts")
        self.wants_cluster = given.get("provideClusterInfo") is True
        self.hint = " ".join(str(given.get("installHint") or "").split())
        self.mode = given.get("interactiveMode") or ("IfAvailable" if self.version != VERSIONS[0] else "")
        if self.mode not in _MODES:
            raise NotConfigured(f"{user.source}: exec must have one of these as interactiveMode: {', '.join(_MODES)}")


def _are_texts(values: Any) -> bool:
    return isinstance(values, list) and all(isinstance(value, str) for value in values)


def _moment(text: str | None) -> float | None:
    if not text:
        return None
    from datetime import UTC, datetime  # noqa: PLC0415 -- only for those who have a plugin

    moment = datetime.fromisoformat(text)
    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()
