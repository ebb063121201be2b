"""Sources of an identity: one that stays, a token in a file, and a plugin (`execplugin`)."""

import os
from base64 import b64encode

from cli.kube.connection import Identity
from cli.kube.deadline import Deadline
from controllers.net.credential import UnfitCredential, fit_text, fit_token
from controllers.runtime.kube.errors import NotConfigured


class FixedIdentity:
    """An identity that does not change."""

    def __init__(self, identity: Identity) -> None:
        self._identity = identity

    def identity(self, deadline: Deadline) -> Identity:
        """Return it."""
        return self._identity

    def renew(self) -> bool:
        """Return False: there is no other."""
        return False


class TokenFile:
    """A token in a file that another process keeps fresh; read anew when it was refused."""

    def __init__(self, path: str, *, otherwise: str, certificate: Identity) -> None:
        """otherwise: the token while the file cannot be read; certificate: what goes along. Reads nothing yet."""
        self._path = path
        self._otherwise = otherwise
        self._certificate = certificate
        self._token = ""

    def identity(self, deadline: Deadline) -> Identity:
        """Return the token of the file. Raises NotConfigured when it cannot be read and there is no other."""
        self._token = self._token or self._read()
        return with_token(self._certificate, self._token, f"the token in {self._path}")

    def renew(self) -> bool:
        """Forget the token; return whether the file has another by now."""
        refused, self._token = self._token, ""
        try:
            return self._read() != refused
        except NotConfigured:
            return False

    def _read(self) -> str:
        try:
            return read_file(self._path, "the token").decode("utf-8", "replace").strip() or self._otherwise
        except NotConfigured:
            if self._otherwise:
                return self._otherwise
            raise


def with_token(identity: Identity, token: str, source: str) -> Identity:
    """Return an identity that shows a bearer token. Raises NotConfigured for one that no header can hold."""
    try:
        authorization = f"Bearer {fit_token(token, source)}" if token.strip() else ""
    except UnfitCredential as error:
        raise NotConfigured(str(error)) from None
    return Identity(authorization, identity.certificate, identity.key, identity.source)


def with_password(identity: Identity, username: str, password: str, source: str) -> Identity:
    """Return an identity that shows user name and password. Raises NotConfigured for control characters in them."""
    try:
        login = f"{fit_text(username, f'{source}: username')}:{fit_text(password, f'{source}: password')}"
    except UnfitCredential as error:
        raise NotConfigured(str(error)) from None
    authorization = "Basic " + b64encode(login.encode()).decode()
    return Identity(authorization, identity.certificate, identity.key, identity.source)


def read_file(path: str, what: str) -> bytes:
    """Return a file's content. Raises NotConfigured, which names the file."""
    try:
        with open(path, "rb") as file:
            return file.read()
    except OSError as error:
        raise NotConfigured(f"{what} in {path} cannot be read: {os.strerror(error.errno or 0)}") from None
