"""Images that a kubelet can run: what it checks of them."""

import gzip
import hashlib
import io
import json
import tarfile

import httpx

from hack.oci import Pusher
from hack.registry.accounts import Accounts
from hack.registry.server import Registry


def test_an_image_of_a_program_has_what_its_configuration_says() -> None:
    with Registry(Accounts("none", {})) as registry, Pusher(registry.host) as pusher:
        digest = pusher.push_program("org/web", "v1", b"\x7fELF", name="app", user="65532:65532", port=8080)

        def read(path: str) -> bytes:
            answer = httpx.get(f"http://{registry.host}/v2/org/web/{path}", trust_env=False)
            answer.raise_for_status()
            return answer.content

        manifest = json.loads(read(f"manifests/{digest}"))
        config = json.loads(read(f"blobs/{manifest['config']['digest']}"))
        archive = gzip.decompress(read(f"blobs/{manifest['layers'][0]['digest']}"))
    assert config["rootfs"]["diff_ids"] == [f"sha256:{hashlib.sha256(archive).hexdigest()}"]
    assert config["config"]["Entrypoint"] == ["/app"]
    assert config["config"]["User"] == "65532:65532"
    with tarfile.open(fileobj=io.BytesIO(archive)) as tar:
        (member,) = tar.getmembers()
        content = tar.extractfile(member)
        assert (member.name, member.mode, content and content.read()) == ("app", 0o755, b"\x7fELF")
