"""Gitea: Git over HTTP and SSH, tokens, pull requests, and an OCI registry with token auth. On loopback by default."""

import os
import secrets
import subprocess
from dataclasses import dataclass
from pathlib import Path

from hack.env import process, tools

ADMIN = "gitadmin"


@dataclass(frozen=True, slots=True)
class Gitea:
    """A running Gitea: `url` ends without a slash; `admin` may create users and repositories."""

    url: str
    ssh_port: int
    admin: str
    password: str
    process: process.Process


def start(folder: Path, *, address: str = process.LOOPBACK) -> Gitea:
    """Start Gitea in `folder` with an administrator and return when it answers (about 3 seconds)."""
    program = tools.ensure("gitea")["gitea"]
    folder.mkdir(parents=True, exist_ok=True)
    port, ssh_port = process.free_ports(2, address)
    (folder / "app.ini").write_text(_config(folder, program.parent / "static", address, port, ssh_port))
    env = {"GITEA_WORK_DIR": str(folder), "HOME": str(folder), "USER": _user()}
    password = secrets.token_urlsafe(12)
    _run(program, folder, env, ["migrate"])
    create = ["admin", "user", "create", "--admin", "--must-change-password=false"]
    _run(program, folder, env, [*create, "--username", ADMIN, "--password", password, "--email", "admin@example.com"])
    started = process.start("gitea", [program, "web", "--config", folder / "app.ini"], folder, env)
    url = f"http://{address}:{port}"
    process.wait_until(process.http_probe(f"{url}/api/healthz", below=300), started)
    return Gitea(url, ssh_port, ADMIN, password, started)


def _user() -> str:
    return os.environ.get("USER") or os.environ.get("LOGNAME") or "root"


def _run(program: Path, folder: Path, env: dict[str, str], args: list[str]) -> None:
    command = [str(program), *args, "--config", str(folder / "app.ini")]
    done = subprocess.run(command, env={**os.environ, **env}, capture_output=True, text=True, check=False, cwd=folder)
    if done.returncode:
        raise process.NotStarted(f"gitea {args[0]} failed: {(done.stderr or done.stdout)[-2000:]}")


def _config(folder: Path, static: Path, address: str, port: int, ssh_port: int) -> str:
    # As root (in a container, for example) Gitea runs only when this says that it is intended.
    as_root = "I_AM_BEING_UNSAFE_RUNNING_AS_ROOT = true\n" if os.getuid() == 0 else ""
    return f"""APP_NAME = tagline local
RUN_USER = {_user()}
RUN_MODE = prod
WORK_PATH = {folder}
{as_root}
[server]
PROTOCOL = http
HTTP_ADDR = {address}
HTTP_PORT = {port}
DOMAIN = {address}
ROOT_URL = http://{address}:{port}/
STATIC_ROOT_PATH = {static}
START_SSH_SERVER = true
BUILTIN_SSH_SERVER_USER = git
SSH_DOMAIN = {address}
SSH_LISTEN_HOST = {address}
SSH_PORT = {ssh_port}
SSH_LISTEN_PORT = {ssh_port}
OFFLINE_MODE = true
LFS_START_SERVER = false
[database]
DB_TYPE = sqlite3
PATH = {folder}/gitea.db
SQLITE_JOURNAL_MODE = WAL
[repository]
ROOT = {folder}/repositories
DEFAULT_BRANCH = main
DEFAULT_PUSH_CREATE_PRIVATE = false
ENABLE_PUSH_CREATE_USER = true
[security]
INSTALL_LOCK = true
SECRET_KEY = {secrets.token_hex(20)}
INTERNAL_TOKEN = {secrets.token_hex(32)}
PASSWORD_HASH_ALGO = pbkdf2$1000$20
MIN_PASSWORD_LENGTH = 6
PASSWORD_COMPLEXITY = off
DISABLE_GIT_HOOKS = false
[oauth2]
JWT_SECRET = {secrets.token_urlsafe(32)}
[service]
DISABLE_REGISTRATION = true
[packages]
ENABLED = true
[webhook]
ALLOWED_HOST_LIST = loopback
[mailer]
ENABLED = false
[indexer]
ISSUE_INDEXER_TYPE = db
[queue]
TYPE = channel
[session]
PROVIDER = memory
[log]
MODE = console
LEVEL = Warn
[actions]
ENABLED = false
[cron.update_checker]
ENABLED = false
"""
