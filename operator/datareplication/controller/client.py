"""The Kubernetes API itself. The only module that imports the client.

It handles addresses, paging and the translation of HTTP answers into a few kinds of error, and sends each write through
`transport.py`. It decides nothing.
"""

import json
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlencode

import aiohttp
from kubernetes import aio
from kubernetes.aio.client import ApiClient, ApiException, Configuration
from kubernetes.aio.client.rest import RESTClientObject

from datareplication.controller.cluster import (
    POD,
    REPLICATION,
    RUN,
    AlreadyExistsError,
    ClusterError,
    ConflictError,
    FencedError,
    InvalidError,
    Keep,
    Kind,
    Object,
    RejectedError,
    UnavailableError,
)
from datareplication.controller.fence import ClosedError, Fence
from datareplication.controller.metrics import Metrics
from datareplication.controller.transport import FencedConnector, sending

PAGE_SIZE = 500
LARGE_PAGE_SIZE = 20
"""Page size for our own kinds: one object may have a megabyte, and users decide how many there are."""

REQUEST_TIMEOUT_SECONDS = 20.0
LOG_LIMIT_BYTES = 65_536
CONNECTIONS = 32

READS = ("get", "list", "log")
METHODS = {"create": "POST", "patch": "PATCH", "update": "PUT", "delete": "DELETE"}


class ApiCluster:
    """The real API. fence: asked before every write; a read needs no lease. metrics: counts the requests."""

    def __init__(self, api: ApiClient, fence: Fence, metrics: Metrics) -> None:
        self._api = api
        self._fence = fence
        self._metrics = metrics

    async def get(self, kind: Kind, namespace: str, name: str) -> Object | None:
        """Return the object, None when there is none."""
        return await self._found("get", kind, kind.path(namespace, name))

    async def _found(self, verb: str, kind: Kind, path: str, body: Object | None = None) -> Object | None:
        try:
            return await self._request(verb, kind, path, body=body)
        except ConflictError as error:
            if error.status != 404:  # noqa: PLR2004 - only this code means that there is none
                raise
            return None

    async def list_all(
        self, kind: Kind, namespace: str, *, labels: str = "", fields: str = "", keep: Keep = dict
    ) -> list[Object]:
        """Return what `keep` leaves of all objects; they are read page by page."""
        size = LARGE_PAGE_SIZE if kind in (RUN, REPLICATION) else PAGE_SIZE
        query = {"labelSelector": labels, "fieldSelector": fields, "limit": str(size)}
        items: list[Object] = []
        while True:
            page = await self._request("list", kind, kind.path(namespace), query)
            items += [keep({"apiVersion": kind.api_version, "kind": kind.name, **item}) for item in page["items"]]
            if not (token := page["metadata"].get("continue")):
                return items
            query["continue"] = token

    async def create(self, kind: Kind, manifest: Object) -> Object:
        """Create and return the object."""
        return await self._request("create", kind, kind.path(manifest["metadata"]["namespace"]), body=manifest)

    async def patch(self, kind: Kind, namespace: str, name: str, patch: Object) -> Object:
        """Apply a merge patch."""
        return await self._request("patch", kind, kind.path(namespace, name), body=patch)

    async def write_status(self, kind: Kind, manifest: Object) -> Object:
        """Replace the status."""
        metadata = manifest["metadata"]
        path = kind.path(metadata["namespace"], metadata["name"], "status")
        return await self._request("update", kind, path, body=manifest)

    async def confirmed(self, kind: Kind, namespace: str, name: str) -> Object | None:
        """Return the answer to an empty patch: unlike a read, a write always sees the latest object."""
        return await self._found("patch", kind, kind.path(namespace, name, "status"), {})

    async def delete(self, kind: Kind, namespace: str, name: str, uid: str) -> None:
        """Delete the object; it is no error if the object is already gone."""
        options = {"propagationPolicy": "Background", "preconditions": {"uid": uid}}
        try:
            await self._request("delete", kind, kind.path(namespace, name), body=options)
        except ConflictError:
            return

    async def log_tail(self, namespace: str, pod: str, container: str, lines: int) -> list[str]:
        """Return the last lines of a container's log."""
        query = {"container": container, "tailLines": str(lines), "limitBytes": str(LOG_LIMIT_BYTES)}
        try:
            data = await self._raw("log", POD, POD.path(namespace, pod, "log"), query)
        except (ConflictError, RejectedError):
            return []
        return data.decode(errors="replace").splitlines()

    async def close(self) -> None:
        """Close the connections."""
        await self._api.close()  # type: ignore[no-untyped-call]

    async def _request(
        self, verb: str, kind: Kind, path: str, query: Mapping[str, str] | None = None, body: Object | None = None
    ) -> Object:
        answer: Object = json.loads(await self._raw(verb, kind, path, query, body))
        return answer

    async def _raw(
        self, verb: str, kind: Kind, path: str, query: Mapping[str, str] | None = None, body: Object | None = None
    ) -> bytes:
        """Send one request and return the answer; count the request by the answer's code."""
        method = METHODS.get(verb, "GET")
        asked = {name: value for name, value in (query or {}).items() if value}
        code = "none"
        try:
            status, data = await self._send(verb, method, path, asked, body)
            code = str(status)
        except ClosedError as error:
            code = "fenced"
            raise FencedError(f"{method} {path}: not sent: {error}") from error
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            raise UnavailableError(f"{method} {path}: {type(error).__name__}: {error}") from error
        except ApiException as error:
            raise UnavailableError(f"{method} {path}: {error.reason}") from error
        finally:
            self._metrics.count_request(verb, kind.name, code)
        if status >= 400:  # noqa: PLR2004 - HTTP's own boundary
            raise translated(status, data, f"{method} {path}")
        return data

    async def _send(
        self, verb: str, method: str, path: str, query: dict[str, str], body: Object | None
    ) -> tuple[int, bytes]:
        """Send a request without the client's models: they cost more time than the request itself."""
        headers: dict[str, str] = {"Accept": "application/json"}
        await self._api.update_params_for_auth(headers, [], ["BearerToken"], path, method, body)
        if verb == "patch":
            headers["Content-Type"] = "application/merge-patch+json"
        if verb in READS:
            return await self._exchange(method, _url(self._api, path, query), headers, body, REQUEST_TIMEOUT_SECONDS)
        seconds = min(REQUEST_TIMEOUT_SECONDS, self._fence.seconds_left())
        # The API server gives up when its client does: a write that it has not carried out by then is never done.
        url = _url(self._api, path, {**query, "timeout": f"{int(seconds * 1000)}ms"})
        with sending(self._fence, seconds):
            return await self._exchange(method, url, headers, body, seconds)

    async def _exchange(
        self, method: str, url: str, headers: dict[str, str], body: Object | None, seconds: float
    ) -> tuple[int, bytes]:
        response = await self._api.call_api(method, url, headers, body=body, _request_timeout=seconds)
        return response.status, await response.read()  # type: ignore[no-untyped-call]


class _Rest(RESTClientObject):
    def _create_connector(self) -> aiohttp.TCPConnector:
        return FencedConnector(limit=self.maxsize, ssl=self.ssl_context)


async def connect(fence: Fence, metrics: Metrics, connections: int = CONNECTIONS) -> ApiCluster:
    """Return the API of the pod's own cluster, or of the kubeconfig when not in a pod."""
    configuration = Configuration()
    await aio.config.load_config(client_configuration=configuration)  # type: ignore[no-untyped-call]
    return reach(configuration, fence, metrics, connections)


def reach(configuration: Configuration, fence: Fence, metrics: Metrics, connections: int) -> ApiCluster:
    """Return the API of a client's configuration, with at most so many connections at once."""
    configuration.connection_pool_maxsize = connections
    # True would look for proxies in the environment and for a .netrc with each request; kopf's watches use neither.
    configuration.client_session_kwargs = {"trust_env": False}
    api = ApiClient(configuration)
    api.rest_client = _Rest(configuration)
    return ApiCluster(api, fence, metrics)


def _url(api: ApiClient, path: str, query: Mapping[str, str]) -> str:
    return f"{api.configuration.host}{path}" + (f"?{urlencode(query)}" if query else "")


def translated(status: int, body: bytes, request: str) -> ClusterError:
    """Return the error of an answer, by its code and by the Status object's `reason` and causes.

    The code alone is not enough: a quota's conflict has the same code as a taken name, a policy's refusal the same code
    as an invalid object.
    """
    answer = _answer(body)
    message = str(answer.get("message") or "")
    text = f"{request}: {status} {message}"
    if any(words in message for words in OF_ADMISSION):
        return RejectedError(message, status)
    if answer.get("reason") == "AlreadyExists":
        return AlreadyExistsError(text, status)
    if status in (404, 409, 410):
        return ConflictError(text, status)
    if _is_invalid(answer):
        return InvalidError(message, status)
    if status in (400, 403, 405, 413, 422):
        return RejectedError(message or text, status)
    return UnavailableError(text, status)


OF_ADMISSION = ("denied the request", "denied request", "failed calling webhook")
"""The API server's own words for a refusal by a webhook, a refusal by a policy, and a webhook that does not answer. A
webhook chooses the code, the reason and the causes of its refusal."""


def _is_invalid(answer: Mapping[str, Any]) -> bool:
    """Whether the API could not read the object, or named the wrong fields: a policy's causes name no field."""
    details = answer.get("details")
    causes = details.get("causes") if isinstance(details, dict) else None
    are_fields = bool(causes) and all(isinstance(cause, dict) and cause.get("field") for cause in causes or ())
    return answer.get("reason") == "BadRequest" or (answer.get("reason") == "Invalid" and are_fields)


def _answer(body: bytes) -> dict[str, Any]:
    try:
        answer = json.loads(body)
    except (ValueError, RecursionError):
        return {}
    return answer if isinstance(answer, dict) else {}
