"""The Kubernetes API as the operator uses it: dicts in, dicts out. The only module that imports the client.

It owns addresses, paging and the translation of HTTP answers into four kinds of error. It refuses to decide anything.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol
from urllib.parse import urlencode

import aiohttp
from kubernetes import aio
from kubernetes.aio.client import ApiClient, ApiException, Configuration

from datareplication.core.names import API_VERSION

Object = dict[str, Any]

PAGE_SIZE = 500
REQUEST_TIMEOUT_SECONDS = 20.0
LOG_LIMIT_BYTES = 65_536


@dataclass(frozen=True)
class Kind:
    """A kind of object and where the API serves it."""

    name: str
    api_version: str
    plural: str

    def path(self, namespace: str = "", name: str = "", subresource: str = "") -> str:
        """Return the URL's path of a collection or an object; no namespace means all of them."""
        root = "/api" if "/" not in self.api_version else "/apis"
        scope = f"namespaces/{namespace}" if namespace else ""
        return "/".join(filter(None, (root, self.api_version, scope, self.plural, name, subresource)))


REPLICATION = Kind("DataReplication", API_VERSION, "datareplications")
RUN = Kind("DataReplicationRun", API_VERSION, "datareplicationruns")
JOB = Kind("Job", "batch/v1", "jobs")
POD = Kind("Pod", "v1", "pods")
EVENT = Kind("Event", "v1", "events")
CLAIM = Kind("PersistentVolumeClaim", "v1", "persistentvolumeclaims")


class ClusterError(Exception):
    """The API did not do what was asked; `status` is the HTTP status, 0 when there was no answer."""

    def __init__(self, message: str, status: int = 0) -> None:
        super().__init__(message)
        self.message = message
        self.status = status


class AlreadyExistsError(ClusterError):
    """An object of that name is there already."""


class ConflictError(ClusterError):
    """The object has changed since it was read, or is gone; read it again."""


class RejectedError(ClusterError):
    """The API will never accept this request as it is (invalid, forbidden by admission or quota)."""


class UnavailableError(ClusterError):
    """The API cannot answer now: overloaded, failing, unreachable."""


class Cluster(Protocol):
    """What reconcile needs of Kubernetes; `tests/controller/fake_cluster.py` is the other implementation."""

    async def get(self, kind: Kind, namespace: str, name: str) -> Object | None:
        """Return the object, None when there is none."""

    async def list_all(self, kind: Kind, namespace: str, *, labels: str = "", fields: str = "") -> list[Object]:
        """Return all objects of a namespace, or of every namespace when it is empty."""

    async def create(self, kind: Kind, manifest: Object) -> Object:
        """Create and return the object; AlreadyExistsError, RejectedError."""

    async def patch(self, kind: Kind, namespace: str, name: str, patch: Object) -> Object:
        """Apply a merge patch; ConflictError when it carries a resourceVersion that is no longer current."""

    async def write_status(self, kind: Kind, manifest: Object) -> Object:
        """Replace the status of the object at the resourceVersion that `manifest` carries; ConflictError."""

    async def delete(self, kind: Kind, namespace: str, name: str, uid: str) -> None:
        """Delete the object if it still has that uid, and what it owns in the background."""

    async def log_tail(self, namespace: str, pod: str, lines: int) -> list[str]:
        """Return the last lines of a pod's log; none when it has none yet."""


class ApiCluster:
    """The real thing."""

    def __init__(self, api: ApiClient) -> None:
        self._api = api

    async def get(self, kind: Kind, namespace: str, name: str) -> Object | None:
        """Return the object, None when there is none."""
        try:
            return await self._request("GET", kind.path(namespace, name))
        except ConflictError as error:
            if error.status != 404:  # noqa: PLR2004 - only this says that there is none
                raise
            return None

    async def list_all(self, kind: Kind, namespace: str, *, labels: str = "", fields: str = "") -> list[Object]:
        """Return all objects, page by page."""
        query = {"labelSelector": labels, "fieldSelector": fields, "limit": str(PAGE_SIZE)}
        items: list[Object] = []
        while True:
            page = await self._request("GET", kind.path(namespace), query)
            items += [{"apiVersion": kind.api_version, "kind": kind.name, **item} for item in page["items"]]
            if not (token := page["metadata"].get("continue")):
                return items
            query["continue"] = token

    async def create(self, kind: Kind, manifest: Object) -> Object:
        """Create and return the object."""
        return await self._request("POST", kind.path(manifest["metadata"]["namespace"]), body=manifest)

    async def patch(self, kind: Kind, namespace: str, name: str, patch: Object) -> Object:
        """Apply a merge patch."""
        return await self._request("PATCH", kind.path(namespace, name), body=patch)

    async def write_status(self, kind: Kind, manifest: Object) -> Object:
        """Replace the status."""
        metadata = manifest["metadata"]
        return await self._request("PUT", kind.path(metadata["namespace"], metadata["name"], "status"), body=manifest)

    async def delete(self, kind: Kind, namespace: str, name: str, uid: str) -> None:
        """Delete the object; one that is gone already is no error."""
        options = {"propagationPolicy": "Background", "preconditions": {"uid": uid}}
        try:
            await self._request("DELETE", kind.path(namespace, name), body=options)
        except ConflictError:
            return

    async def log_tail(self, namespace: str, pod: str, lines: int) -> list[str]:
        """Return the last lines of a pod's log."""
        query = {"tailLines": str(lines), "limitBytes": str(LOG_LIMIT_BYTES)}
        try:
            data = await self._raw("GET", POD.path(namespace, pod, "log"), query)
        except (ConflictError, RejectedError):
            return []
        return data.decode(errors="replace").splitlines()

    async def close(self) -> None:
        """Close the connections."""
        await self._api.close()  # type: ignore[no-untyped-call]

    async def _request(
        self, method: str, path: str, query: Mapping[str, str] | None = None, body: Object | None = None
    ) -> Object:
        answer: Object = json.loads(await self._raw(method, path, query, body))
        return answer

    async def _raw(
        self, method: str, path: str, query: Mapping[str, str] | None = None, body: Object | None = None
    ) -> bytes:
        """Send one request past the client's models: they cost more time than the request itself."""
        headers: dict[str, str] = {"Accept": "application/json"}
        await self._api.update_params_for_auth(headers, [], ["BearerToken"], path, method, body)
        if method == "PATCH":
            headers["Content-Type"] = "application/merge-patch+json"
        asked = {name: value for name, value in (query or {}).items() if value}
        url = self._api.configuration.host + path + (f"?{urlencode(asked)}" if asked else "")
        try:
            response = await self._api.call_api(
                method, url, headers, body=body, _request_timeout=REQUEST_TIMEOUT_SECONDS
            )
            data: bytes = await response.read()  # type: ignore[no-untyped-call]
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            raise UnavailableError(f"{method} {path}: {type(error).__name__}: {error}") from error
        except ApiException as error:
            raise _translated(error.status, _message(error.body), method, path) from error
        if response.status >= 400:  # noqa: PLR2004 - HTTP's own boundary
            raise _translated(response.status, _message(data), method, path)
        return data


async def connect() -> ApiCluster:
    """Return the API of the pod's own cluster, or of the kubeconfig when not in a pod."""
    configuration = Configuration()
    await aio.config.load_config(client_configuration=configuration)  # type: ignore[no-untyped-call]
    configuration.connection_pool_maxsize = 32
    return ApiCluster(ApiClient(configuration))


def _translated(status: int, message: str, method: str, path: str) -> ClusterError:
    text = f"{method} {path}: {status} {message}"
    if status == 409 and method == "POST":  # noqa: PLR2004
        return AlreadyExistsError(text, status)
    if status in (404, 409, 410):
        return ConflictError(text, status)
    if status in (400, 403, 405, 413, 422):
        return RejectedError(message or text, status)
    return UnavailableError(text, status)


def _message(body: Any) -> str:
    try:
        return str(json.loads(body)["message"])
    except (ValueError, KeyError, TypeError):
        return ""
