"""The kinds of objects that the operator and its users work with, and where the API serves them."""

from dataclasses import dataclass

from datareplication.core import lease
from datareplication.core.names import API_VERSION


@dataclass(frozen=True)
class Kind:
    """A kind of object and where the API serves it."""

    name: str
    api_version: str
    plural: str

    def path(self, namespace: str = "", name: str = "", subresource: str = "") -> str:
        """Return the URL's path of a collection or an object; no namespace means all namespaces."""
        root = "/api" if "/" not in self.api_version else "/apis"
        scope = f"namespaces/{namespace}" if namespace else ""
        return "/".join(filter(None, (root, self.api_version, scope, self.plural, name, subresource)))


REPLICATION = Kind("DataReplication", API_VERSION, "datareplications")
RUN = Kind("DataReplicationRun", API_VERSION, "datareplicationruns")
JOB = Kind("Job", "batch/v1", "jobs")
POD = Kind("Pod", "v1", "pods")
EVENT = Kind("Event", "v1", "events")
CLAIM = Kind("PersistentVolumeClaim", "v1", "persistentvolumeclaims")
LEASE = Kind("Lease", lease.API_VERSION, "leases")
