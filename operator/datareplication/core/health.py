"""What is wrong with a process: (its pulse) -> faults, for the probes. Pure.

A liveness fault is one that a restart repairs. An API server that does not answer is no such fault: a process that
waits for it, or for the lease, is healthy.
"""

from dataclasses import dataclass

from datareplication.core import words

STUCK_SECONDS = 300.0
"""A worker gives its key back after some requests of at most 20 s each; in this time every worker gives one back."""

STALE_RESYNCS = 5
"""A process that leads and misses more resyncs than this is blind."""

STALE_LEASE_DURATIONS = 5
"""The election's loop must turn within this many lease durations; it turns several times in each."""


@dataclass(frozen=True)
class Pulse:
    """How long ago repeated things last happened, in seconds, and whether the process leads."""

    election: float = 0.0
    """Since the election's loop turned."""
    lease_read: float = 0.0
    """Since the API answered a request for the Lease."""
    resync: float = 0.0
    """Since the last resync, or since this process leads; 0 if it does not lead."""
    waiting: float = 0.0
    """How long the next key in the queue has waited."""
    idle: float = 0.0
    """Since a worker gave a key back."""
    is_leading: bool = False
    """Whether the process holds the lease."""
    has_looked: bool = False
    """Whether the process has looked at everything since it leads."""


def faults(pulse: Pulse, lease_seconds: float, resync_seconds: float) -> tuple[str, ...]:
    """Return why the process should be restarted."""
    found = {
        f"the election has not moved for {words.duration(pulse.election)}": pulse.election
        > STALE_LEASE_DURATIONS * lease_seconds,
        f"no resync for {words.duration(pulse.resync)}": pulse.resync > STALE_RESYNCS * resync_seconds,
        f"a key has waited {words.duration(pulse.waiting)} while no worker ended for {words.duration(pulse.idle)}": min(
            pulse.waiting, pulse.idle
        )
        > STUCK_SECONDS,
    }
    return tuple(text for text, is_so in found.items() if is_so)


def shortcomings(pulse: Pulse, lease_seconds: float) -> tuple[str, ...]:
    """Return why the process is not ready: to lead, or to take over."""
    found = {
        f"the Lease could not be read for {words.duration(pulse.lease_read)}": pulse.lease_read > lease_seconds,
        "leads, and has not looked at everything yet": pulse.is_leading and not pulse.has_looked,
    }
    return tuple(text for text, is_so in found.items() if is_so)


def is_resynced(asked: int, refused: int, unanswered: int) -> bool:
    """Whether a resync counts as done.

    That is so if at least one namespace was read, or if the API refused all: a restart would not repair a refusal.
    asked: number of namespaces; refused, unanswered: those of them that could not be read.
    """
    return refused + unanswered < asked or not unanswered


REMEDIES = {
    403: "does it exist, and does the operator have its Role and RoleBinding in it?",
    404: "are the CustomResourceDefinitions installed?",
}
"""HTTP status of a failed list -> a question that leads to the remedy."""


def place(namespace: str) -> str:
    """Return a namespace's name for a message; empty means all namespaces."""
    return f"namespace {namespace}" if namespace else "the cluster"


def unseen(namespace: str, status: int, message: str) -> str:
    """Return the message that a namespace cannot be looked at. status: the HTTP status, 0 without an answer."""
    why = "; ".join(filter(None, (message, REMEDIES.get(status))))
    return f"{place(namespace)} cannot be looked at: {why}"
