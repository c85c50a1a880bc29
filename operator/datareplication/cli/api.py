"""The Kubernetes API as a person's kubeconfig reaches it. The only module of the plugin that imports the client.

It handles kubeconfigs, addresses, paging and streams, and turns answers into errors by `view/refusals.py`.
"""

import json
import os
import re
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Protocol
from urllib.parse import urlencode, urlsplit, urlunsplit

import urllib3
from kubernetes import config
from kubernetes.client import ApiClient, Configuration
from kubernetes.client.exceptions import ApiException
from kubernetes.config.kube_config import KUBE_CONFIG_DEFAULT_LOCATION, KubeConfigMerger
from urllib3.exceptions import HTTPError, InsecureRequestWarning

from datareplication.cli import impersonation
from datareplication.cli.view import refusals
from datareplication.cli.view.refusals import MissingError, Request
from datareplication.core import plain
from datareplication.core.kinds import POD, Kind
from datareplication.errors import ReplicationError, UsageError

Object = dict[str, Any]

PAGE_SIZE = 250
CONNECT_SECONDS, READ_SECONDS = 10.0, 30.0
GRACE_SECONDS = 5.0
"""The API server ends a watch itself; this much later its silence means that the connection is broken."""

NAMESPACE_FILE = Path("/var/run/secrets/kubernetes.io/serviceaccount/namespace")
MERGE_PATCH = "application/merge-patch+json"

NAME = re.compile(r"[a-z0-9]([-a-z0-9.]{0,251}[a-z0-9])?")
"""What Kubernetes takes for a name. A name becomes a part of an address, and `../secrets/x` would lead elsewhere."""

LINE_LIMIT = 8 * 2**20
"""Bytes of a line that are kept: the longest object has 3 MB, and a log may have one line without an end."""

LOG_LIMIT = 64 * 2**20
"""Bytes of a log that are asked for, unless it is followed."""


class _Response(Protocol):
    """What we use of the client's answer."""

    status: int
    response: urllib3.BaseHTTPResponse

    def read(self) -> bytes:
        """Return the body."""


class Api:
    """One cluster, seen with one person's rights. namespace: that of the context; headers: go with each request."""

    def __init__(self, client: ApiClient, namespace: str, headers: Iterable[tuple[str, str]] = ()) -> None:
        self._client = client
        self._headers = tuple(headers)
        self._host: str = client.configuration.host
        self.namespace = namespace

    def get(self, kind: Kind, namespace: str, name: str) -> Object:
        """Return an object; MissingError if there is none."""
        return self._json(Request("get", kind, namespace, name))

    def list_all(self, kind: Kind, namespace: str, *, labels: str = "", fields: str = "") -> list[Object]:
        """Return all objects of a namespace; no namespace means all."""
        query = {"labelSelector": labels, "fieldSelector": fields, "limit": str(PAGE_SIZE)}
        items: list[Object] = []
        while True:
            page = self._json(Request("list", kind, namespace), query=query)
            with self._answers():
                found = [_object(item) for item in page.get("items") or ()]
            items += [{"apiVersion": kind.api_version, "kind": kind.name, **item} for item in found]
            if not (token := page["metadata"].get("continue")):
                return items
            query["continue"] = token

    def create(self, kind: Kind, manifest: Object) -> Object:
        """Create and return an object."""
        return self._json(Request("create", kind, manifest["metadata"]["namespace"]), "POST", body=manifest)

    def patch(self, kind: Kind, namespace: str, name: str, patch: Object) -> Object:
        """Apply a merge patch and return the object."""
        return self._json(Request("patch", kind, namespace, name), "PATCH", body=patch)

    def watch(self, kind: Kind, namespace: str, name: str, version: str, seconds: float) -> Iterator[Object]:
        """Yield the states of an object after a version, for some seconds; ends early if the object is deleted."""
        query = {
            "watch": "true",
            "fieldSelector": f"metadata.name={name}",
            "resourceVersion": version,
            "timeoutSeconds": str(max(1, int(seconds))),
        }
        request = Request("watch", kind, namespace)
        for line in self._lines(request, query, seconds + GRACE_SECONDS):
            try:
                event = json.loads(line)
                # Deleted; or the version is too old to go on from; or the connection broke within a line.
                if event["type"] not in ("ADDED", "MODIFIED"):
                    return
                state = _object(event["object"])
            except (ValueError, TypeError, KeyError, RecursionError):
                return
            yield state

    def log(self, namespace: str, pod: str, container: str, *, lines: int, follow: bool = False) -> Iterator[str]:
        """Yield the last lines of a container's log; with `follow` also those that come, until the container ends."""
        query = {"container": container, "tailLines": str(lines)}
        query |= {"follow": "true"} if follow else {"limitBytes": str(LOG_LIMIT)}
        found = self._lines(Request("get", POD, namespace, pod, "log"), query, None if follow else READ_SECONDS)
        for line in found:
            yield line.decode(errors="replace")

    def _json(
        self, request: Request, method: str = "GET", query: Mapping[str, str] | None = None, body: Object | None = None
    ) -> Object:
        with self._answers():
            return _object(json.loads(self._send(request, method, query or {}, body, READ_SECONDS).read()))

    def _lines(self, request: Request, query: Mapping[str, str], seconds: float | None) -> Iterator[bytes]:
        """Yield the lines of an answer as they come. seconds: how long the server may be silent."""
        with self._answers():
            response = self._send(request, "GET", query, None, seconds).response
            try:
                yield from _split(response.stream(65_536, decode_content=True))
            finally:
                response.close()

    def _send(
        self, request: Request, method: str, query: Mapping[str, str], body: Object | None, seconds: float | None
    ) -> _Response:
        _check_names(request)
        path = request.kind.path(request.namespace, request.name, request.part)
        asked = urlencode({name: value for name, value in query.items() if value})
        headers = urllib3.HTTPHeaderDict(self._headers)
        headers["Accept"] = "application/json"
        if body is not None:
            headers["Content-Type"] = MERGE_PATCH if method == "PATCH" else "application/json"
        self._client.update_params_for_auth(headers, [], ["BearerToken"], path, method, body)
        url = f"{self._host}{path}" + (f"?{asked}" if asked else "")
        response: _Response = self._client.call_api(
            method, url, headers, body=body, _request_timeout=(CONNECT_SECONDS, seconds)
        )
        if response.status >= 400:  # noqa: PLR2004 - HTTP's own boundary
            raise refusals.refused(response.status, response.read(), request)
        return response

    @contextmanager
    def _answers(self) -> Iterator[None]:
        """Turn whatever the client raises into our errors."""
        try:
            yield
        except ReplicationError:
            raise
        except ApiException as error:
            raise refusals.unreachable(_shown(self._host), str(error.reason)) from error
        except (HTTPError, OSError) as error:
            raise refusals.unreachable(_shown(self._host), _innermost(error)) from error
        except (ValueError, RecursionError) as error:
            raise refusals.unreachable(_shown(self._host), "its answer is none of Kubernetes") from error
        except config.ConfigException as error:  # a login that ran out
            raise UsageError(f"the kubeconfig's login fails: {plain.text(str(error), 300)}") from error


def _check_names(request: Request) -> None:
    """Raise UsageError for a namespace, MissingError for a name, that no object can have."""
    if request.namespace and not NAME.fullmatch(request.namespace):
        raise UsageError(f"{request.namespace!r} cannot be the name of a namespace; give another one with -n")
    if request.name and not NAME.fullmatch(request.name):
        raise MissingError(
            f"there is no {request.kind.name} {request.name!r} {request.place}: no object has such a name"
        )


def _object(value: Any) -> Object:
    """Return an object or a list of the API; ValueError if it is neither."""
    if isinstance(value, dict) and isinstance(value.get("metadata"), dict):
        return value
    raise ValueError("no object of Kubernetes")


def _split(chunks: Iterable[bytes]) -> Iterator[bytes]:
    """Yield the lines of a stream; one that is too long in pieces."""
    begun: list[bytes] = []
    size = 0
    for chunk in chunks:
        *lines, rest = chunk.split(b"\n")
        for line in lines:
            yield b"".join((*begun, line))
            begun, size = [], 0
        begun.append(rest)
        size += len(rest)
        if size > LINE_LIMIT:
            yield b"".join(begun)
            begun, size = [], 0
    if size:
        yield b"".join(begun)


def _shown(host: str) -> str:
    """Return an address without the name and password that may stand in it."""
    try:
        parts = urlsplit(host)
    except ValueError:
        return "of the kubeconfig"
    return urlunsplit(parts._replace(netloc=parts.netloc.rpartition("@")[2]))


def _innermost(error: Exception) -> str:
    """Return the system's own words: urllib3 puts the names of its objects before them."""
    return str(error).rpartition(": ")[2] or type(error).__name__


def connect(kubeconfig: str, context: str) -> Api:
    """Return the API of a kubeconfig's context; empty for kubectl's defaults, and in a pod the pod's own cluster."""
    urllib3.disable_warnings(InsecureRequestWarning)  # the kubeconfig says so, and kubectl does not warn either
    configuration = Configuration()
    configuration.retries = False  # whoever asks knows what may be asked again
    if _is_in_pod(kubeconfig, context):
        config.load_incluster_config(client_configuration=configuration)  # type: ignore[no-untyped-call]
        return Api(ApiClient(configuration), NAMESPACE_FILE.read_text().strip())
    namespace, user = _load(kubeconfig, context, configuration)
    return Api(ApiClient(configuration), namespace, impersonation.headers(user))


def _is_in_pod(kubeconfig: str, context: str) -> bool:
    is_told = kubeconfig or context or os.environ.get("KUBECONFIG") or (Path.home() / ".kube" / "config").exists()
    return not is_told and "KUBERNETES_SERVICE_HOST" in os.environ and NAMESPACE_FILE.exists()


def _load(kubeconfig: str, context: str, configuration: Configuration) -> tuple[str, Object]:
    """Read the kubeconfig into the client's configuration; return the context's namespace and its user's entry."""
    with _kubeconfig_read():
        contexts, current = config.list_kube_config_contexts(kubeconfig or None)  # type: ignore[no-untyped-call]
        named = {one["name"]: one["context"] for one in contexts}
    if context and context not in named:
        raise refusals.unknown("context", context, list(named), "in the kubeconfig")
    with _kubeconfig_read():
        config.load_kube_config(  # type: ignore[no-untyped-call]
            kubeconfig or None, context=context or None, client_configuration=configuration
        )
        chosen = named[context] if context else current["context"]
        return str(chosen.get("namespace") or "default"), _user(kubeconfig, chosen.get("user"))


def _user(kubeconfig: str, name: object) -> Object:
    """Return a user's entry of the kubeconfig: the client reads who logs in, but not as whom."""
    merged = KubeConfigMerger(kubeconfig or KUBE_CONFIG_DEFAULT_LOCATION).config  # type: ignore[no-untyped-call]
    found = [one.value for one in merged.value["users"] if one.value.get("name") == name]
    user = found[0].get("user") if found else None
    return user if isinstance(user, dict) else {}


@contextmanager
def _kubeconfig_read() -> Iterator[None]:
    try:
        yield
    except Exception as error:  # the client lets through whatever its parser raises
        text = f"no cluster: {plain.text(str(error), 300)}; set KUBECONFIG, or give --kubeconfig and --context"
        raise UsageError(text) from error
