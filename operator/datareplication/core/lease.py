"""Who leads, by a coordination.k8s.io/v1 Lease: (what was seen and when, now) -> what follows. Pure.

Times are seconds of one process's own clock, which nobody sets: clocks of two processes are never compared, and the
times written into the Lease are for people. Who holds it may write until `held_until`, counted from before the renewal
was sent. Who does not hold it waits a whole duration from when it first saw the last change, counted from after the
answer came. So the holder has stopped by at least the margin before anybody else starts.
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
        """Return how often the others look, and so how late they see that it was given back."""
        return self.duration_seconds / 12

    @property
    def margin_seconds(self) -> float:
        """Return how long before its lease is over the holder stops: far more than two clocks part in that time."""
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
    """What one process knows. identity: its name, different from that of every other process, also of the past.

    lease: as last seen; None when there is no such object. seen_at: since when it is known like that. held_until: until
    when this process may write.
    """

    identity: str
    timing: Timing
    lease: Lease | None = None
    seen_at: float = math.inf
    held_until: float = -math.inf

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
        """Return whom the Lease names; nobody when it is free or not there."""
        return self.lease.holder if self.lease else ""

    @property
    def is_own(self) -> bool:
        """Whether the Lease names this process, which does not say that it may write."""
        return self.holder == self.identity

    def free_in(self, now: float) -> float:
        """Return in how many seconds the lease may be taken; 0 or less: now.

        An object that is not there counts as one that is held: its holder may not have noticed yet that it was deleted.
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
        """Return the merge patch that takes or renews the lease if it is still the one that was seen."""
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
