"""This machine's network around a private Docker engine: free address ranges, what may leave, and tidying up after it.

Does not know how the engine is started. Only rules and links that the engine made are ever taken away.
"""

import ipaddress
import json
import shlex
from dataclasses import dataclass
from pathlib import Path

from harness import programs
from harness.errors import HarnessError, ProgramError

IP_FORWARD = Path("/proc/sys/net/ipv4/ip_forward")
TABLES = ("filter", "nat")
MARKS = ("DOCKER", "docker0", " br-")
# Docker's own bridge is called docker0, the networks of clusters br-<id>.
CONFINEMENT = ["DOCKER-USER", "-i", "br-+", "!", "-o", "br-+", "-j", "DROP"]


@dataclass(frozen=True)
class Ranges:
    """Addresses for an engine: its own bridge, and the pool that clusters' networks are cut from."""

    bridge: ipaddress.IPv4Interface
    pool: ipaddress.IPv4Network


def free_ranges() -> Ranges:
    """Return ranges that no route of this machine overlaps."""
    taken = _routes()
    for second in range(30, 15, -2):
        pool = ipaddress.IPv4Network(f"172.{second}.0.0/16")
        bridge = ipaddress.IPv4Interface(f"172.{second + 1}.255.1/24")
        if not any(route.overlaps(pool) or route.overlaps(bridge.network) for route in taken):
            return Ranges(bridge, pool)
    raise HarnessError("every range of 172.16.0.0/12 is routed on this machine: no addresses left for a Docker engine")


def remember(file: Path) -> None:
    """Write down what the network looks like before an engine changes it."""
    state = {"forward": IP_FORWARD.read_text(encoding="utf-8"), "rules": {table: _rules(table) for table in TABLES}}
    file.write_text(json.dumps(state), encoding="utf-8")


def confine() -> None:
    """Drop packets from a cluster's network to any network other than a cluster's."""
    if not programs.succeeds(["iptables", "-w", "-C", *CONFINEMENT]):
        programs.run(["iptables", "-w", "-I", *CONFINEMENT])


def restore(file: Path) -> None:
    """Take away the engine's rules and bridge, and set forwarding as it was when `file` was written."""
    before = json.loads(file.read_text(encoding="utf-8"))
    for table in TABLES:
        _restore_rules(table, before["rules"][table])
    if programs.succeeds(["ip", "link", "show", "docker0"]):
        programs.run(["ip", "link", "delete", "docker0"])
    IP_FORWARD.write_text(before["forward"], encoding="utf-8")


def _routes() -> list[ipaddress.IPv4Network]:
    destinations = [line.split()[0] for line in programs.run(["ip", "-4", "route"]).splitlines()]
    return [ipaddress.IPv4Network(text, strict=False) for text in destinations if text[0].isdigit()]


def _rules(table: str) -> list[str]:
    return programs.run(["iptables", "-w", "-t", table, "-S"]).splitlines()


def _restore_rules(table: str, before: list[str]) -> None:
    added = [rule for rule in _rules(table) if rule not in before]
    for rule in added:
        if rule.startswith("-A") and any(mark in rule for mark in MARKS):
            _iptables(table, "-D", *shlex.split(rule)[1:])
    for rule in added:
        if rule.startswith("-N DOCKER"):
            _iptables(table, "-X", rule.split()[1])
    for policy in (rule for rule in before if rule.startswith("-P")):
        _iptables(table, *policy.split())


def _iptables(table: str, *words: str) -> None:
    try:
        programs.run(["iptables", "-w", "-t", table, *words])
    except ProgramError as error:
        raise HarnessError(f"cannot take back a rule of the private Docker engine: {error}") from error
