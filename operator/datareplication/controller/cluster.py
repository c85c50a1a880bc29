"""What the operator needs of the Kubernetes API: dicts in, dicts out, and a few kinds of error.

`client.py` talks to the real API, `tests/support/fake_cluster.py` stands in for it.
"""

from collections.abc import Callable
from typing import Any, Protocol

from datareplication.core import plain
from datareplication.core.kinds import CLAIM, EVENT, JOB, LEASE, POD, REPLICATION, RUN, Kind

__all__ = ["CLAIM", "EVENT", "JOB", "LEASE", "POD", "REPLICATION", "RUN", "Kind"]

Object = dict[str, Any]

Keep = Callable[[Object], Object]
"""Returns what to keep of an object."""


class ClusterError(Exception):
    """The API did not do what was asked; `status` is the HTTP status, 0 when there was no answer.

    Others may have written the message, for example a webhook.
    """

    def __init__(self, message: str, status: int = 0) -> None:
        self.message = plain.text(message)
        super().__init__(self.message)
        self.status = status


class AlreadyExistsError(ClusterError):
    """An object of that name is there already."""


class ConflictError(ClusterError):
    """The object, or a quota that counts it, has changed since it was read, or is gone; read it again."""


class RejectedError(ClusterError):
    """The API does not accept this request for now: a quota, a webhook, a policy, a missing right."""


class InvalidError(RejectedError):
    """The API will never accept this request: the object itself is invalid."""


class UnavailableError(ClusterError):
    """The API cannot answer now: overloaded, failing, unreachable."""


class FencedError(ClusterError):
    """This process does not hold the lease, so the write was not sent."""


class Cluster(Protocol):
    """What a reconcile needs of Kubernetes."""

    async def get(self, kind: Kind, namespace: str, name: str) -> Object | None:
        """Return the object, None when there is none."""

    async def list_all(
        self, kind: Kind, namespace: str, *, labels: str = "", fields: str = "", keep: Keep = dict
    ) -> list[Object]:
        """Return all objects of a namespace; an empty namespace means all of them.

        keep: called for each object as soon as its page has come.
        """

    async def create(self, kind: Kind, manifest: Object) -> Object:
        """Create and return the object; AlreadyExistsError, ConflictError, RejectedError, InvalidError."""

    async def patch(self, kind: Kind, namespace: str, name: str, patch: Object) -> Object:
        """Apply a merge patch; ConflictError when it carries a resourceVersion that is no longer current."""

    async def write_status(self, kind: Kind, manifest: Object) -> Object:
        """Replace the status of the object at the resourceVersion that `manifest` carries; ConflictError."""

    async def confirmed(self, kind: Kind, namespace: str, name: str) -> Object | None:
        """Return the object as it is now, None when there is none: not an older state from an outdated cache."""

    async def delete(self, kind: Kind, namespace: str, name: str, uid: str) -> None:
        """Delete the object if it still has that uid; the objects that it owns are deleted in the background."""

    async def log_tail(self, namespace: str, pod: str, container: str, lines: int) -> list[str]:
        """Return the last lines of a container's log; empty when there is none yet."""
