"""`hack.image`: built without Docker, and run as a cluster runs it, against a real API server.

Needs root, and Debian's packages where buildah, mmdebstrap and runc are not installed. Elsewhere it is skipped, with
the reason; with `E2E_IMAGE_REQUIRED` set it fails.
"""

import os
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator

from e2e.conftest import Parts
from hack import controllers as local_controllers
from hack.env import process
from hack.image.build import BILL, CLOUD, build, is_current
from hack.image.check import check
from hack.image.container import Unpacked, unpacked
from hack.image.programs import CannotBuild

ACCOUNT = "/var/run/secrets/kubernetes.io/serviceaccount"
READY_CPU_SECONDS = 1.0
READY_SECONDS = 60
TICKS = os.sysconf("SC_CLK_TCK")


@pytest.fixture(scope="module")
def image() -> Iterator[Unpacked]:
    """Yield the image of this checkout, built unless it is there."""
    try:
        if not is_current(CLOUD):
            build(CLOUD)
        with unpacked(CLOUD) as made:
            yield made
    except CannotBuild as error:
        if os.environ.get("E2E_IMAGE_REQUIRED"):
            raise
        pytest.skip(f"the image is not built: {error}")


def test_the_image_is_what_it_has_to_be(image: Unpacked) -> None:
    """Size, programs, rights, bytecode, labels; every process and the command line run."""
    for line in check(image, CLOUD):
        print(line)


def test_the_bill_of_materials_is_valid(image: Unpacked) -> None:
    bill = (image.root / BILL).read_text()
    assert bill == CLOUD.bill.read_text()
    assert JsonStrictValidator(SchemaVersion.V1_6).validate_str(bill) is None


def test_a_kubeconfig_in_the_image_says_what_to_do(image: Unpacked) -> None:
    done = image.run("python", "-m", "controllers.imagepolicy", environ={"KUBECONFIG": "/etc/passwd"})
    assert done.returncode == 1
    assert "is not installed, as in tagline's image; unset KUBECONFIG" in done.stdout + done.stderr


@pytest.mark.parametrize("kind", local_controllers.KINDS)
def test_a_process_of_the_image_is_ready_soon(image: Unpacked, cluster: Parts, tmp_path: Path, kind: str) -> None:
    """With the ServiceAccount of a pod, on a read-only root; what is measured is the processor's time, not the wait."""
    server, authority = local_controllers.cluster_server(cluster.kubectl)
    token = cluster.kubectl("create", "token", f"{kind}-controller", "-n", local_controllers.NAMESPACE).stdout
    for name, content in {
        "token": token,
        "ca.crt": authority.read_text(),
        "namespace": local_controllers.NAMESPACE,
    }.items():
        (tmp_path / name).write_text(content)
    tmp_path.chmod(0o755)
    address = urlsplit(server)
    metrics, health = process.free_ports(2)
    command = (
        "python", "-m", f"controllers.{kind}",
        f"--metrics-addr=127.0.0.1:{metrics}", f"--health-addr=127.0.0.1:{health}",
    )  # fmt: skip
    environ = {
        "KUBERNETES_SERVICE_HOST": str(address.hostname),
        "KUBERNETES_SERVICE_PORT": str(address.port),
        "RUNTIME_NAMESPACE": local_controllers.NAMESPACE,
        "TMPDIR": "/tmp",
    }
    started = time.monotonic()
    with image.running(command, environ=environ, mounts={ACCOUNT: tmp_path}) as running:
        while not is_ready(f"http://127.0.0.1:{health}/readyz"):
            assert running.poll() is None, running.communicate()
            assert time.monotonic() - started < READY_SECONDS, "not ready"
            time.sleep(0.01)
        elapsed = time.monotonic() - started
        cpu = cpu_seconds(running.pid)
    print(f"{kind}: ready {elapsed:.2f} s after start, {cpu:.2f} s of it on the processor")
    assert 0 < cpu < READY_CPU_SECONDS


def is_ready(url: str) -> bool:
    try:
        with urllib.request.urlopen(url, timeout=5) as answer:  # noqa: S310 -- loopback
            return bool(answer.status == 200)
    except (urllib.error.URLError, OSError):
        return False


def cpu_seconds(parent: int) -> float:
    """Return the processor's time of the interpreter that runc has started."""
    children = [pid for task in Path(f"/proc/{parent}/task").glob("*/children") for pid in task.read_text().split()]
    return sum(sum(map(int, stat_fields(child)[11:13])) for child in children) / TICKS


def stat_fields(pid: str) -> list[str]:
    return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
