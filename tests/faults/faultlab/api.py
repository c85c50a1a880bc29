"""A client of the API server for what the operator does not see: making objects, ending pods, looking at the end.

It goes past the proxy. Its paths are the URLs' own, so that nothing here depends on the operator's client.
"""

import json
import ssl
from collections.abc import AsyncIterator
from typing import Any

import aiohttp

Object = dict[str, Any]

OURS = "/apis/datareplication.dev/v1alpha1"
PLURALS = {
    "datareplications": OURS,
    "datareplicationruns": OURS,
    "jobs": "/apis/batch/v1",
    "pods": "/api/v1",
    "events": "/api/v1",
    "persistentvolumeclaims": "/api/v1",
}
MERGE_PATCH = "application/merge-patch+json"


class ApiError(Exception):
    """The server answered with an error."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(f"{status} {message}")
        self.status = status


def path(plural: str, namespace: str, name: str = "", subresource: str = "") -> str:
    """Return the path of a collection or an object."""
    return "/".join(filter(None, (PLURALS[plural], "namespaces", namespace, plural, name, subresource)))


class Api:
    """One user's view of one API server."""

    def __init__(self, url: str, token: str, tls: ssl.SSLContext) -> None:
        self.url = url
        self.headers = {"Authorization": f"Bearer {token}", "Accept": "application/json"}
        self.tls = tls
        self._session: aiohttp.ClientSession | None = None

    @property
    def session(self) -> aiohttp.ClientSession:
        """Return the session, made in the loop that uses it."""
        if self._session is None:
            connector = aiohttp.TCPConnector(ssl=self.tls, limit=0)
            timeout = aiohttp.ClientTimeout(total=None, sock_connect=10)
            self._session = aiohttp.ClientSession(self.url, headers=self.headers, connector=connector, timeout=timeout)
        return self._session

    async def close(self) -> None:
        """Close the connections."""
        if self._session is not None:
            await self._session.close()

    async def is_ready(self) -> bool:
        """Say whether the server says that it is ready."""
        try:
            async with self.session.get("/readyz") as answer:
                return answer.status == 200
        except aiohttp.ClientError:
            return False

    async def serves(self, at: str) -> bool:
        """Say whether the server knows that path."""
        async with self.session.get(at) as answer:
            return answer.status == 200

    async def get(self, plural: str, namespace: str, name: str) -> Object | None:
        """Return an object, None when there is none."""
        try:
            return await self.call("GET", path(plural, namespace, name))
        except ApiError as error:
            if error.status == 404:
                return None
            raise

    async def items(self, plural: str, namespace: str, **query: str) -> list[Object]:
        """Return all objects of a namespace."""
        found: list[Object] = (await self.call("GET", path(plural, namespace), query=query))["items"]
        return found

    async def create(self, at: str, manifest: Object) -> Object:
        """Create an object in the collection at that path."""
        return await self.call("POST", at, manifest)

    async def merge(self, at: str, patch: Object) -> Object:
        """Apply a merge patch."""
        return await self.call("PATCH", at, patch, {"Content-Type": MERGE_PATCH})

    async def call(
        self,
        method: str,
        at: str,
        body: Object | None = None,
        headers: dict[str, str] | None = None,
        query: dict[str, str] | None = None,
    ) -> Object:
        """Send one request; ApiError when it is not done."""
        content = {"Content-Type": "application/json", **(headers or {})}
        data = None if body is None else json.dumps(body).encode()
        async with self.session.request(method, at, data=data, headers=content, params=query) as answer:
            text = await answer.text()
            if answer.status >= 400:
                raise ApiError(answer.status, text[:500])
            parsed: Object = json.loads(text)
            return parsed

    async def watch(self, at: str, version: str) -> AsyncIterator[Object]:
        """Yield watch events of a collection after a resourceVersion, until the server ends the stream."""
        query = {"watch": "true", "resourceVersion": version, "timeoutSeconds": "600"}
        async with self.session.get(at, params=query) as answer:
            if answer.status >= 400:
                raise ApiError(answer.status, await answer.text())
            rest = b""
            async for chunk in answer.content.iter_any():
                *lines, rest = (rest + chunk).split(b"\n")
                for line in lines:
                    yield json.loads(line)
