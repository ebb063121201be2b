"""The CNCF distribution registry, with htpasswd accounts or open to all, plain or over TLS. On loopback by default."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import bcrypt

from hack.env import process, tools


@dataclass(frozen=True, slots=True)
class TlsFiles:
    """Files of a server certificate, its key, and the authority that clients are to trust."""

    certificate: Path
    key: Path
    authority: Path


@dataclass(frozen=True, slots=True)
class LocalRegistry:
    """A running registry: `host` is `127.0.0.1:<port>` (or another address); without a user it is open to all."""

    host: str
    user: str
    password: str
    process: process.Process


def start(
    folder: Path,
    *,
    user: str = "",
    password: str = "",
    port: int | None = None,
    tls: TlsFiles | None = None,
    address: str = process.LOOPBACK,
    endpoints: Sequence[Mapping[str, object]] = (),
) -> LocalRegistry:
    """Start a registry in `folder` and wait until it answers. Deleting tags is enabled.

    endpoints: of `notifications`, to which it announces what happens
    """
    folder.mkdir(parents=True, exist_ok=True)
    port = port or process.free_ports(1, address)[0]
    http: dict[str, object] = {"addr": f"{address}:{port}"}
    if tls:
        http["tls"] = {"certificate": str(tls.certificate), "key": str(tls.key)}
    config: dict[str, object] = {
        "version": "0.1",
        "log": {"level": "warn", "accesslog": {"disabled": True}},
        "storage": {"filesystem": {"rootdirectory": str(folder / "data")}, "delete": {"enabled": True}},
        "http": http,
    }
    if endpoints:
        config["notifications"] = {"endpoints": [dict(endpoint) for endpoint in endpoints]}
    if user:
        hashed = bcrypt.hashpw(password.encode(), bcrypt.gensalt(4)).decode()
        (folder / "htpasswd").write_text(f"{user}:{hashed}\n")
        config["auth"] = {"htpasswd": {"realm": "tagline-local", "path": str(folder / "htpasswd")}}
    (folder / "config.json").write_text(json.dumps(config))  # JSON is YAML
    command = [tools.ensure("registry")["registry"], "serve", folder / "config.json"]
    # Its tracing exporter would call out to a collector that is not there.
    started = process.start("registry", command, folder, {"OTEL_TRACES_EXPORTER": "none"})
    url = f"{'https' if tls else 'http'}://{address}:{port}/v2/"
    process.wait_until(process.http_probe(url, authority=tls.authority if tls else None), started)
    return LocalRegistry(f"{address}:{port}", user, password, started)
