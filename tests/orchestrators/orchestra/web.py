"""Requests to an orchestrator's own API."""

import json
import socket
import time
import urllib.error
import urllib.request
from typing import Any

TIMEOUT_SECONDS = 60
PAUSE_SECONDS = 1
BUSY = 503


def free_port() -> int:
    """Return a port of this machine that nobody listens on."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port: int = listener.getsockname()[1]
        return port


def ask(url: str, body: Any = None, token: str = "") -> Any:
    """Return the JSON that answers a GET, or with a body a POST. AssertionError when the server refuses.

    A server that says it is busy (503; SQLite has one writer) is asked again, as its own clients do.
    """
    deadline = time.monotonic() + TIMEOUT_SECONDS
    while True:
        try:
            return _once(url, body, token)
        except urllib.error.HTTPError as error:
            with error:
                if error.code != BUSY or time.monotonic() > deadline:
                    raise AssertionError(f"{url}: {error.code} {error.read().decode(errors='replace')}") from error
        time.sleep(PAUSE_SECONDS)


def _once(url: str, body: Any, token: str) -> Any:
    headers = {"Content-Type": "application/json"} | ({"Authorization": f"Bearer {token}"} if token else {})
    data = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(url, data, headers)  # noqa: S310 - loopback
    with urllib.request.urlopen(request, timeout=TIMEOUT_SECONDS) as answer:  # noqa: S310
        return json.load(answer)


def answers(url: str) -> bool:
    """Say whether a server is there."""
    try:
        with urllib.request.urlopen(url, timeout=5):  # noqa: S310
            return True
    except OSError:
        return False
