"""Images of one program without a base, as archives that containerd imports: no registry and no Docker is involved.

The form is that of `docker save`: one layer, its configuration, a list.
"""

import hashlib
import io
import json
import tarfile
from collections.abc import Mapping, Sequence
from pathlib import Path

from hack.oci import machine_architecture

PAUSE = "tagline.local/pause:1"
BUSYBOX = "tagline.local/busybox:1"
COREDNS = "tagline.local/coredns:1"


def archive(
    name: str, files: Mapping[str, Path], command: Sequence[str], *, links: Mapping[str, str] | None = None
) -> bytes:
    """Return an image `name` in which `command` is run as nobody. files: by path in the image; links: likewise."""
    layer = _tar({path: file.read_bytes() for path, file in files.items()}, links=links or {})
    config = {
        "architecture": machine_architecture(),
        "os": "linux",
        "config": {"Entrypoint": list(command), "User": "65534:65534", "Env": ["PATH=/bin"]},
        "rootfs": {"type": "layers", "diff_ids": [f"sha256:{hashlib.sha256(layer).hexdigest()}"]},
    }
    listing = [{"Config": "config.json", "RepoTags": [name], "Layers": ["layer.tar"]}]
    return _tar(
        {
            "layer.tar": layer,
            "config.json": json.dumps(config).encode(),
            "manifest.json": json.dumps(listing).encode(),
        }
    )


def pause(busybox: Path) -> bytes:
    """Return the image of what holds a pod's namespaces: a program that sleeps."""
    return archive(PAUSE, {"bin/busybox": busybox}, ["/bin/busybox", "sleep", "2147483647"])


def busybox(program: Path) -> bytes:
    """Return an image with a shell and small tools, for pods of tests."""
    links = {f"bin/{applet}": "busybox" for applet in ("sh", "sleep", "nslookup", "cat", "dd", "httpd", "id")}
    return archive(BUSYBOX, {"bin/busybox": program}, ["/bin/sh"], links=links)


def _tar(files: Mapping[str, bytes], *, links: Mapping[str, str] | None = None) -> bytes:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as tar:
        for path, content in files.items():
            entry = tarfile.TarInfo(path)
            entry.size, entry.mode = len(content), 0o755
            tar.addfile(entry, io.BytesIO(content))
        for path, target in (links or {}).items():
            link = tarfile.TarInfo(path)
            link.type, link.linkname = tarfile.SYMTYPE, target
            tar.addfile(link)
    return out.getvalue()
