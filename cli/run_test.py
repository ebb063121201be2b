"""`tagline run` with several kinds: what they declare fits into one process."""

import asyncio
import importlib
from collections import Counter

import pytest

from cli.main import KINDS
from controllers.runtime.process import flags
from controllers.runtime.process.main import Program
from controllers.runtime.process.process import Process
from controllers.runtime.reconcile.leader import LEASES
from testing.apiserver import ScriptedServer
from testing.clock import TEST_TIMEOUT_SECONDS


@pytest.fixture
def programs() -> list[Program]:
    return [importlib.import_module(f"controllers.{kind}.__main__").PROGRAM for kind in KINDS]


async def test_all_kinds_work_in_one_process_and_share_what_they_read(programs: list[Program]) -> None:
    own = [flag for program in programs for flag in program.flags]
    gates = {gate: on for program in programs for gate, on in program.feature_gates.items()}
    argv = ["--metrics-addr=", "--health-addr=", "--enable-leader-election"]
    async with ScriptedServer() as api:
        process = Process(
            flags.parse(argv, flags=own, feature_gates=gates),
            name="+".join(KINDS),
            config=api.config,
            environ={"RUNTIME_NAMESPACE": "system"},
        )
        for program in programs:
            program.build(process)
        running = asyncio.create_task(process.run())
        async with asyncio.timeout(TEST_TIMEOUT_SECONDS):
            while not all(holder(api, kind) for kind in KINDS):  # noqa: ASYNC110 - it happens on the server
                await asyncio.sleep(0)
        lists = Counter(request.path.rsplit("/", 1)[-1] for request in api.requests if request.verb == "list")
        text = process.metrics.render().decode()
        process.stop()
        async with asyncio.timeout(TEST_TIMEOUT_SECONDS):
            assert await running == 0
        assert [holder(api, kind) for kind in KINDS] == [""] * len(KINDS)
    assert set(lists.values()) == {1}
    assert {"imagerepositories", "imagepolicies", "imageupdateautomations"} < set(lists)
    samples = [line.rsplit(" ", 1)[0] for line in text.splitlines() if not line.startswith("#")]
    assert len(samples) == len(set(samples))
    for kind in KINDS:
        assert f'controller_runtime_active_workers{{controller="{kind}"}}' in samples


def test_a_flag_or_gate_of_several_kinds_means_the_same_to_each(programs: list[Program]) -> None:
    common = {flag.name: flag for flag in flags.COMMON_FLAGS}
    gates = dict(flags.COMMON_FEATURE_GATES)
    for program in programs:
        for flag in program.flags:
            assert common.setdefault(flag.name, flag) is flag
        for gate, on in program.feature_gates.items():
            assert gates.setdefault(gate, on) is on


def holder(api: ScriptedServer, kind: str) -> str | None:
    lease = api.get(LEASES, "system", f"{kind}-controller-leader-election")
    return lease["spec"]["holderIdentity"] if lease else None
