"""Who leads, by a coordination.k8s.io/v1 Lease: (what was seen and when, now) -> what follows. Pure.

Times are seconds of the process's own clock, which nobody sets. The clocks of two processes are never compared; the
times written into the Lease are for people. The holder may write until `held_until`, counted from before the renewal
was sent. Another process waits a whole duration from when it first saw the last change, counted from after the answer
came. So the holder has stopped by at least the margin before another process starts.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

API_VERSION = "coordination.k8s.io/v1"


@dataclass(frozen=True)
class Timing:
    """How long a lease lasts; the rest follows from it.

    Takeover after a kill takes at most duration + poll; the default leaves 5 s of the promised 20 for starting to work.
    """

    duration_seconds: int = 12

    @property
    def renew_seconds(self) -> float:
        """Return how often the holder renews: three renewals may fail before the lease is lost."""
        return self.duration_seconds / 6

    @property
    def poll_seconds(self) -> float:
        """Return how often the other processes look, and so how late they see that the lease was given back."""
        return self.duration_seconds / 12

    @property
    def margin_seconds(self) -> float:
        """Return how long before its lease ends the holder stops: far more than two clocks drift apart in that time."""
        return self.duration_seconds / 6

    @property
    def request_seconds(self) -> float:
        """Return how long one request for the Lease may take, so that another can be tried in time."""
        return self.duration_seconds / 4


DEFAULT_TIMING = Timing()


@dataclass(frozen=True)
class Lease:
    """A Lease as it was read; without a holder it is free. version: its resourceVersion."""

    version: str
    holder: str
    duration_seconds: float
    transitions: int


def read(raw: Mapping[str, Any]) -> Lease:
    """Return what a Lease object says; what is missing counts as not held."""
    spec = raw.get("spec") or {}
    return Lease(
        version=raw["metadata"]["resourceVersion"],
        holder=spec.get("holderIdentity") or "",
        duration_seconds=float(spec.get("leaseDurationSeconds") or 0),
        transitions=int(spec.get("leaseTransitions") or 0),
    )


@dataclass(frozen=True)
class Election:
    """What one process knows."""

    identity: str
    """The process's name; no other process has it, not even a past one."""
    timing: Timing
    lease: Lease | None = None
    """As last seen; None when there is no such object."""
    seen_at: float = math.inf
    """Since when the lease is known like that."""
    held_until: float = -math.inf
    """Until when this process may write."""

    def after_reading(self, lease: Lease | None, now: float) -> "Election":
        """Return what is known after an answer that came at `now`. Any change starts the wait anew."""
        is_same = lease == self.lease and self.seen_at <= now
        return self if is_same else replace(self, lease=lease, seen_at=now)

    def after_writing(self, lease: Lease, sent_at: float) -> "Election":
        """Return what is known after a write that took or renewed the lease; `sent_at` is from before it was sent."""
        until = sent_at + self.timing.duration_seconds - self.timing.margin_seconds
        return replace(self, lease=lease, seen_at=sent_at, held_until=until)

    def after_losing(self) -> "Election":
        """Return what is known by a process that no longer holds the lease, for whatever reason."""
        return replace(self, held_until=-math.inf)

    @property
    def holder(self) -> str:
        """Return the holder that the Lease names; empty when the Lease is free or does not exist."""
        return self.lease.holder if self.lease else ""

    @property
    def is_own(self) -> bool:
        """Whether the Lease names this process. That alone does not allow the process to write."""
        return self.holder == self.identity

    def free_in(self, now: float) -> float:
        """Return in how many seconds the lease may be taken; 0 or less: now.

        A Lease that does not exist counts as held: its holder may not have noticed yet that it was deleted.
        """
        if self.lease is not None and self.holder in ("", self.identity):
            return 0.0
        promised = self.lease.duration_seconds if self.lease else 0.0
        return self.seen_at + max(promised, self.timing.duration_seconds) - now

    def spec(self, wall_time: str) -> dict[str, Any]:
        """Return the Lease's spec with this process as the holder; `wall_time` is told to people only."""
        lease = self.lease
        renewed = {
            "holderIdentity": self.identity,
            "leaseDurationSeconds": self.timing.duration_seconds,
            "renewTime": wall_time,
        }
        if self.is_own:
            return renewed
        return renewed | {"acquireTime": wall_time, "leaseTransitions": lease.transitions + 1 if lease else 0}

    def claim(self, wall_time: str) -> dict[str, Any]:
        """Return the merge patch that takes or renews the lease if it has not changed since it was read."""
        return self._if_unchanged(self.spec(wall_time))

    def release(self, wall_time: str) -> dict[str, Any]:
        """Return the merge patch that gives the lease back."""
        return self._if_unchanged({"holderIdentity": None, "renewTime": wall_time})

    def _if_unchanged(self, spec: dict[str, Any]) -> dict[str, Any]:
        version = self.lease.version if self.lease else ""
        return {"metadata": {"resourceVersion": version}, "spec": spec}


def manifest(namespace: str, name: str, spec: Mapping[str, Any]) -> dict[str, Any]:
    """Return a new Lease object."""
    metadata = {"name": name, "namespace": namespace}
    return {"apiVersion": API_VERSION, "kind": "Lease", "metadata": metadata, "spec": dict(spec)}
