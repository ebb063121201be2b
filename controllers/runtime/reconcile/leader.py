"""Who may act: leader election over a Lease, so that two replicas never do the same thing twice.

The rules are client-go's. A candidate takes a lease that is free, released, or whose record has not changed
for a whole lease duration by its own monotonic clock; wall clocks of different machines are never compared.
Holding it, a candidate renews every retry period and gives up when the renew deadline passes without success,
well before another may take over. `check` trusts nothing but the time of the last successful renewal, so a renew
loop that is late (a busy event loop, a stopped process) cannot leave two leaders.

Names and durations follow Flux's flags. Lease: https://kubernetes.io/docs/concepts/architecture/leases/
"""

import hashlib
import logging
import socket
import uuid
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, timedelta
from random import Random
from typing import Protocol

import msgspec

from api.resource import Resource
from controllers.clock import Clock, wait_for
from controllers.golang.duration import format_duration
from controllers.runtime import logkey
from controllers.runtime.kube.errors import ApiError, Conflict, NotFound
from controllers.runtime.kube.protocols import Client

LEASES = Resource("coordination.k8s.io", "v1", "leases", "Lease")
_JITTER = 0.2


class LostLeadership(Exception):
    """The process must not act (any more): stop, write nothing, exit."""


class Leader(Protocol):
    """What everything but the process needs of an election."""

    def check(self) -> None:
        """Return if this process may act now; raise LostLeadership otherwise. Costs nothing."""
        ...


class AlwaysLeader:
    """Leader where election is switched off."""

    def check(self) -> None:
        return None


class LeaseMeta(msgspec.Struct, frozen=True, kw_only=True, rename="camel", omit_defaults=True):
    """Metadata of a Lease, as far as it is used."""

    name: str = ""
    namespace: str = ""
    uid: str = ""
    resource_version: str = ""


class LeaseSpec(msgspec.Struct, frozen=True, kw_only=True, rename="camel", omit_defaults=True):
    """The record: who holds the lease and since when. Times are for people; nobody compares them."""

    holder_identity: str = ""
    lease_duration_seconds: int = 0
    acquire_time: str = ""
    renew_time: str = ""
    lease_transitions: int = 0


class Lease(msgspec.Struct, frozen=True, kw_only=True, rename="camel", omit_defaults=True):
    """`coordination.k8s.io/v1` Lease."""

    metadata: LeaseMeta = LeaseMeta()
    spec: LeaseSpec = LeaseSpec()


@dataclass(frozen=True, slots=True)
class ElectionConfig:
    """What is elected and how fast; `--leader-election-*`."""

    namespace: str
    name: str
    lease_duration: timedelta = timedelta(seconds=35)
    renew_deadline: timedelta = timedelta(seconds=30)
    retry_period: timedelta = timedelta(seconds=5)
    release_on_cancel: bool = True
    identity: str = field(default_factory=lambda: f"{socket.gethostname()}_{uuid.uuid4()}")

    def __post_init__(self) -> None:
        if not timedelta(0) < self.retry_period * (1 + _JITTER) < self.renew_deadline < self.lease_duration:
            raise ValueError(
                "leader election needs retry period * 1.2 < renew deadline < lease duration, "
                f"got {', '.join(map(format_duration, (self.retry_period, self.renew_deadline, self.lease_duration)))}"
            )


def lease_name(component: str, label_selector: str = "") -> str:
    """Return Flux's name of a controller's lease; each shard (label selector) elects for itself."""
    shard = f"-{hashlib.sha256(label_selector.encode()).hexdigest()[:8]}" if label_selector else ""
    return f"{component}-leader-election{shard}"


class LeaderElector:
    """One candidate. `acquire` until elected, then `renew` until lost; `release` at the end."""

    def __init__(
        self,
        client: Client,
        election: ElectionConfig,
        *,
        clock: Clock,
        rng: Random,
        log: logging.Logger,
        observe: Callable[[bool], None] = lambda _: None,
    ) -> None:
        """Build it. `observe` is called when this process becomes the leader (True) and when it stops (False)."""
        self._client = client
        self._election = election
        self._clock = clock
        self._rng = rng
        self._log = log
        self._observe = observe
        self._observed_lease: Lease | None = None
        self._observed_at = 0.0  # monotonic time of the last observed change of the record
        self._stale = True  # the observed record may not be the latest
        self._renewed_at = float("-inf")  # start of the last successful request

    def check(self) -> None:
        if self._clock.monotonic() >= self._deadline:
            raise LostLeadership(f"not the holder of lease {self._lease}: stop, another replica may act")

    async def acquire(self) -> None:
        """Return when this process is the leader. Errors of the API are logged and tried again."""
        self._log.info("waiting for leadership", extra=self._fields)
        while not await self._attempt(self._election.renew_deadline.total_seconds()):
            await self._clock.sleep(self._retry_delay())
        self._log.info("became the leader", extra=self._fields)
        self._observe(True)

    async def renew(self) -> None:
        """Renew until it is too late. Never returns: raises LostLeadership."""
        try:
            while True:
                await self._clock.sleep(self._election.retry_period.total_seconds())
                while not await self._attempt(self._deadline - self._clock.monotonic()):
                    self.check()
                    await self._clock.sleep(min(self._retry_delay(), self._deadline - self._clock.monotonic()))
                    self.check()
        finally:
            self._renewed_at = float("-inf")
            self._observe(False)

    async def release(self) -> None:
        """Give the lease up, so that another need not wait for it to run out. Errors only cost that wait."""
        held = self._observed_lease
        self._renewed_at = float("-inf")
        if not self._election.release_on_cancel or held is None or held.spec.holder_identity != self._election.identity:
            return
        spec = {"holderIdentity": "", "leaseDurationSeconds": 1, "renewTime": self._timestamp()}
        try:
            await wait_for(self._clock, self._election.retry_period.total_seconds(), self._send(held, spec))
        except (ApiError, TimeoutError) as error:
            self._log.info("could not release the lease", extra={**self._fields, logkey.ERROR: str(error)})

    async def _attempt(self, seconds: float) -> bool:
        """Try once to take or keep the lease, in at most `seconds`; True: this process holds it."""
        try:
            return await wait_for(self._clock, seconds, self._acquire_or_renew())
        except Conflict:
            self._stale = True
        except (ApiError, TimeoutError) as error:
            self._stale = True
            self._log.error("leader election request failed", extra={**self._fields, logkey.ERROR: str(error)})
        return False

    async def _acquire_or_renew(self) -> bool:
        began = self._clock.monotonic()
        lease = self._observed_lease if self._observed_lease and not self._stale else await self._read()
        if lease is None:
            body = {
                "apiVersion": LEASES.api_version,
                "kind": LEASES.kind,
                "metadata": {"name": self._election.name, "namespace": self._election.namespace},
                "spec": {**self._record(), "acquireTime": self._timestamp(), "leaseTransitions": 0},
            }
            self._observe_lease(await self._client.create(LEASES, self._election.namespace, body, into=Lease))
        elif lease.spec.holder_identity == self._election.identity:
            await self._send(lease, self._record())
        elif self._is_held(lease):
            self._stale = True
            return False
        else:
            transitions = lease.spec.lease_transitions + 1
            taken = {**self._record(), "acquireTime": self._timestamp(), "leaseTransitions": transitions}
            await self._send(lease, taken)
        self._stale = False
        self._renewed_at = began
        return True

    async def _read(self) -> Lease | None:
        try:
            lease = await self._client.get(LEASES, self._election.namespace, self._election.name, into=Lease)
        except NotFound:
            return None
        self._observe_lease(lease)
        return lease

    async def _send(self, lease: Lease, spec: dict[str, object]) -> None:
        body = {"metadata": {"resourceVersion": lease.metadata.resource_version}, "spec": spec}
        self._observe_lease(
            await self._client.patch(LEASES, self._election.namespace, self._election.name, body, into=Lease)
        )

    def _observe_lease(self, lease: Lease) -> None:
        if self._observed_lease is None or self._observed_lease.spec != lease.spec:
            self._observed_at = self._clock.monotonic()
            holder = lease.spec.holder_identity
            if holder not in ("", self._election.identity) and (
                not self._observed_lease or self._observed_lease.spec.holder_identity != holder
            ):
                self._log.info("another replica leads", extra={**self._fields, logkey.HOLDER: holder})
        self._observed_lease = lease

    def _is_held(self, lease: Lease) -> bool:
        """Return whether the holder has renewed within its lease duration, as far as we have observed."""
        if not lease.spec.holder_identity:
            return False
        return self._clock.monotonic() < self._observed_at + max(lease.spec.lease_duration_seconds, 1)

    def _record(self) -> dict[str, object]:
        return {
            "holderIdentity": self._election.identity,
            "leaseDurationSeconds": max(int(self._election.lease_duration.total_seconds()), 1),
            "renewTime": self._timestamp(),
        }

    def _timestamp(self) -> str:
        return self._clock.now().astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")  # metav1.MicroTime

    def _retry_delay(self) -> float:
        return self._election.retry_period.total_seconds() * self._rng.uniform(1, 1 + _JITTER)

    @property
    def _deadline(self) -> float:
        """Until when this process may act: the renew deadline, a margin before anybody else may take over."""
        return self._renewed_at + self._election.renew_deadline.total_seconds()

    @property
    def _lease(self) -> str:
        return f"{self._election.namespace}/{self._election.name}"

    @property
    def _fields(self) -> dict[str, object]:
        return {logkey.LEASE: self._lease}
