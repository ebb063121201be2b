"""Pushes small OCI images to a registry without Docker, as CI would: config, one layer, manifest.

For demos and tests only: it knows Basic auth and the token flow of the OCI distribution spec, and no retries.
`python -m hack.oci HOST/REPOSITORY TAG... [--user U --password P]` pushes from the command line.
"""

import argparse
import gzip
import hashlib
import io
import json
import platform
import re
import ssl
import sys
import tarfile
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

import httpx

INDEX = "application/vnd.oci.image.index.v1+json"
MANIFEST = "application/vnd.oci.image.manifest.v1+json"
CONFIG = "application/vnd.oci.image.config.v1+json"
LAYER = "application/vnd.oci.image.layer.v1.tar+gzip"
_ARCHITECTURES = {"x86_64": "amd64", "aarch64": "arm64"}


class Pusher:
    """Pushes to one registry (`host` is `127.0.0.1:5000`) with one account, or anonymously.

    Over plain HTTP, or over TLS when the file of an `authority` is given.
    """

    def __init__(self, host: str, *, user: str = "", password: str = "", authority: Path | None = None) -> None:
        self._auth = httpx.BasicAuth(user, password) if user else None
        verify = ssl.create_default_context(cafile=authority) if authority else True
        scheme = "https" if authority else "http"
        self._client = httpx.Client(base_url=f"{scheme}://{host}", trust_env=False, timeout=30, verify=verify)
        self._tokens: dict[str, str] = {}

    def __enter__(self) -> "Pusher":
        return self

    def __exit__(self, *_: object) -> None:
        self._client.close()

    def push(
        self,
        repository: str,
        tag: str,
        *,
        labels: Mapping[str, str] | None = None,
        architecture: str = "amd64",
        created: str = "",
    ) -> str:
        """Push one image whose content depends on the tag; return the manifest's digest. created: RFC 3339."""
        manifest = self._image(repository, tag, labels=labels, architecture=architecture, created=created)
        return self.push_manifest(repository, tag, manifest)

    def push_index(
        self,
        repository: str,
        tag: str,
        *,
        annotations: Mapping[str, str] | None = None,
        labels: Mapping[str, str] | None = None,
        architectures: Sequence[str] = ("amd64", "arm64"),
    ) -> str:
        """Push an image for several architectures; return the digest of its index."""
        entries = []
        for architecture in architectures:
            manifest = self._image(repository, tag, labels=labels, architecture=architecture)
            digest = self.push_manifest(repository, _digest(manifest), manifest)
            platform = {"os": "linux", "architecture": architecture}
            entries.append({"mediaType": MANIFEST, "digest": digest, "size": len(manifest), "platform": platform})
        index = {"schemaVersion": 2, "mediaType": INDEX, "manifests": entries, "annotations": dict(annotations or {})}
        return self.push_manifest(repository, tag, json.dumps(index).encode(), media_type=INDEX)

    def _image(
        self, repository: str, tag: str, *, labels: Mapping[str, str] | None, architecture: str, created: str = ""
    ) -> bytes:
        """Push the blobs of an image; return its manifest, which is still to be pushed."""
        layer = self.push_blob(repository, _layer(f"{repository}:{tag}\n"))
        config = {
            "architecture": architecture,
            "os": "linux",
            "config": {"Labels": dict(labels or {})},
            "rootfs": {"type": "layers", "diff_ids": [layer[0]]},
        }
        if created:
            config["created"] = created
        digest, size = self.push_blob(repository, json.dumps(config).encode())
        manifest = {
            "schemaVersion": 2,
            "mediaType": MANIFEST,
            "config": {"mediaType": CONFIG, "digest": digest, "size": size},
            "layers": [{"mediaType": LAYER, "digest": layer[0], "size": layer[1]}],
        }
        return json.dumps(manifest).encode()

    def push_program(
        self, repository: str, tag: str, program: bytes, *, name: str, user: str = "", port: int = 0
    ) -> str:
        """Push an image that runs one static program, `/<name>`; return the manifest's digest. user: `uid:gid`."""
        archive = _archive({name: program})
        layer, size = self.push_blob(repository, gzip.compress(archive, mtime=0))
        runs: dict[str, object] = {"Entrypoint": [f"/{name}"], "User": user, "WorkingDir": "/"}
        if port:
            runs["ExposedPorts"] = {f"{port}/tcp": {}}
        config = {
            "architecture": machine_architecture(),
            "os": "linux",
            "config": runs,
            # Of the archive as it is unpacked, which whoever runs the image checks.
            "rootfs": {"type": "layers", "diff_ids": [_digest(archive)]},
        }
        digest, config_size = self.push_blob(repository, json.dumps(config).encode())
        manifest = {
            "schemaVersion": 2,
            "mediaType": MANIFEST,
            "config": {"mediaType": CONFIG, "digest": digest, "size": config_size},
            "layers": [{"mediaType": LAYER, "digest": layer, "size": size}],
        }
        return self.push_manifest(repository, tag, json.dumps(manifest).encode())

    def push_manifest(self, repository: str, tag: str, manifest: bytes, *, media_type: str = MANIFEST) -> str:
        """Put a manifest or index under a tag, or under its own digest; return its digest."""
        url = f"/v2/{repository}/manifests/{tag}"
        self._call("PUT", url, repository, content=manifest, headers={"Content-Type": media_type})
        return _digest(manifest)

    def push_tags(self, repository: str, tags: Iterable[str]) -> None:
        """Push one image under many tags: a manifest request a tag."""
        digest = ""
        manifest = b""
        for tag in tags:
            if not digest:
                digest = self.push(repository, tag)
                answer = self._call(
                    "GET", f"/v2/{repository}/manifests/{tag}", repository, headers={"Accept": MANIFEST}
                )
                manifest = answer.content
            else:
                self.push_manifest(repository, tag, manifest)

    def push_blob(self, repository: str, content: bytes) -> tuple[str, int]:
        """Upload a layer or configuration; return its digest and size."""
        digest = _digest(content)
        upload = self._call("POST", f"/v2/{repository}/blobs/uploads/", repository)
        location = httpx.URL(upload.headers["Location"]).copy_merge_params({"digest": digest})
        self._call("PUT", str(location), repository, content=content)
        return digest, len(content)

    def _call(
        self, method: str, url: str, repository: str, *, content: bytes = b"", headers: Mapping[str, str] | None = None
    ) -> httpx.Response:
        answer = self._send(method, url, repository, content=content, headers=headers)
        if answer.status_code == 401 and "bearer" in answer.headers.get("WWW-Authenticate", "").lower():
            self._tokens[repository] = self._token(answer.headers["WWW-Authenticate"], repository)
            answer = self._send(method, url, repository, content=content, headers=headers)
        if answer.status_code >= 300:
            raise RuntimeError(f"{method} {answer.url} answered {answer.status_code}: {answer.text[:256]}")
        return answer

    def _send(
        self, method: str, url: str, repository: str, *, content: bytes, headers: Mapping[str, str] | None
    ) -> httpx.Response:
        all_headers = dict(headers or {})
        if repository in self._tokens:
            all_headers["Authorization"] = f"Bearer {self._tokens[repository]}"
            return self._client.request(method, url, content=content, headers=all_headers)
        return self._client.request(method, url, content=content, headers=all_headers, auth=self._auth)

    def _token(self, challenge: str, repository: str) -> str:
        fields = dict(re.findall(r'(\w+)="([^"]*)"', challenge))
        params = {"service": fields.get("service", ""), "scope": f"repository:{repository}:pull,push"}
        answer = self._client.get(fields["realm"], params=params, auth=self._auth)
        answer.raise_for_status()
        body = answer.json()
        return str(body.get("token") or body["access_token"])


def machine_architecture() -> str:
    """Return this machine's processor, in the words of images."""
    return _ARCHITECTURES.get(platform.machine(), platform.machine())


def _layer(text: str) -> bytes:
    return gzip.compress(_archive({"version": text.encode()}, mode=0o644), mtime=0)


def _archive(files: Mapping[str, bytes], *, mode: int = 0o755) -> bytes:
    """Return a tar archive; the same files give the same bytes."""
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as tar:
        for name, content in files.items():
            info = tarfile.TarInfo(name)
            info.size, info.mode = len(content), mode
            tar.addfile(info, io.BytesIO(content))
    return out.getvalue()


def _digest(content: bytes) -> str:
    return "sha256:" + hashlib.sha256(content).hexdigest()


def main() -> int:
    """Push the named tags and return 0 when all are there."""
    parser = argparse.ArgumentParser(prog="python -m hack.oci", description=__doc__)
    parser.add_argument("image", help="HOST/REPOSITORY, for example 127.0.0.1:5000/org/app")
    parser.add_argument("tags", nargs="+")
    parser.add_argument("--user", default="")
    parser.add_argument("--password", default="")
    args = parser.parse_args()
    host, _, repository = args.image.partition("/")
    with Pusher(host, user=args.user, password=args.password) as pusher:
        for tag in args.tags:
            print(f"{args.image}:{tag}@{pusher.push(repository, tag)}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
