"""What is wrong with a process: (its pulse) -> faults, for the probes. Pure.

A fault of liveness is one that a restart mends. That the API server does not answer is none: a process that waits for
it, or whose lease another has, is as it should be.
"""

from dataclasses import dataclass

STUCK_SECONDS = 300.0
"""A worker gives its key back after some requests of at most 20 s each; in this time all of them would have."""

STALE_RESYNCS = 5
"""How many resyncs may be missed before a process that leads is blind."""

STALE_LEASE_DURATIONS = 5
"""The election's loop turns several times in each."""


@dataclass(frozen=True)
class Pulse:
    """The age in seconds of what should happen again and again.

    election: since its loop turned. lease_read: since the API told the Lease. resync: since this process leads, or
    since the last resync; 0 for one that does not lead. waiting: of the next key in the queue. idle: since a worker
    gave a key back. is_leading: whether it holds the lease; has_looked: whether it has looked at everything since.
    """

    election: float = 0.0
    lease_read: float = 0.0
    resync: float = 0.0
    waiting: float = 0.0
    idle: float = 0.0
    is_leading: bool = False
    has_looked: bool = False


def faults(pulse: Pulse, lease_seconds: float, resync_seconds: float) -> tuple[str, ...]:
    """Return why the process should be restarted."""
    found = {
        f"the election has not moved for {pulse.election:.0f} s": pulse.election
        > STALE_LEASE_DURATIONS * lease_seconds,
        f"no resync for {pulse.resync:.0f} s": pulse.resync > STALE_RESYNCS * resync_seconds,
        f"a key has waited {pulse.waiting:.0f} s while no worker ended for {pulse.idle:.0f} s": min(
            pulse.waiting, pulse.idle
        )
        > STUCK_SECONDS,
    }
    return tuple(text for text, is_so in found.items() if is_so)


def shortcomings(pulse: Pulse, lease_seconds: float) -> tuple[str, ...]:
    """Return why the process is not ready: to lead, or to take over."""
    found = {
        f"the API has not told the Lease for {pulse.lease_read:.0f} s": pulse.lease_read > lease_seconds,
        "leads, and has not looked at everything yet": pulse.is_leading and not pulse.has_looked,
    }
    return tuple(text for text, is_so in found.items() if is_so)


def is_resynced(asked: int, refused: int, unanswered: int) -> bool:
    """Whether a resync of so many namespaces did its part: one was looked at, or no restart would mend why none was."""
    return refused + unanswered < asked or not unanswered


REMEDIES = {
    403: "does it exist, and has the operator its Role and RoleBinding in it?",
    404: "are the CustomResourceDefinitions installed?",
}
"""What to ask where the API server answers so to a list."""


def place(namespace: str) -> str:
    """Return what a namespace is called, empty for all of them."""
    return f"namespace {namespace}" if namespace else "the cluster"


def unseen(namespace: str, status: int, message: str) -> str:
    """Return that a namespace cannot be looked at, why, and what to do. status: HTTP's, 0 without an answer."""
    why = "; ".join(filter(None, (message, REMEDIES.get(status))))
    return f"{place(namespace)} cannot be looked at: {why}"
