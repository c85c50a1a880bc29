"""By which names the board is asked for: the header Host -> whether it is one of ours. Pure.

A hostile page may let its own name lead to the board's address for a while (DNS rebinding): for the browser the board
is then a part of that page's site, which may read it. The Host that the browser sends still is the stranger's name.
"""

from collections.abc import Container
from ipaddress import ip_address

LOCAL = (".localhost", ".svc", ".svc.cluster.local")
"""Ends of names that nobody can register."""


def is_known(host: str, known: Container[str]) -> bool:
    """Whether a Host leads here for sure: an address, a name without a dot, one of the cluster's, or a known one.

    known: further names, in lower case. Only a program sends no Host at all.
    """
    name = _name(host)
    return not name or "." not in name or _is_address(name) or name.endswith(LOCAL) or name in known


def _name(host: str) -> str:
    """Return a Host without its port."""
    if host.startswith("["):
        return host[1:].partition("]")[0].casefold()
    return host.partition(":")[0].casefold().removesuffix(".")


def _is_address(name: str) -> bool:
    try:
        ip_address(name)
    except ValueError:
        return False
    return True
