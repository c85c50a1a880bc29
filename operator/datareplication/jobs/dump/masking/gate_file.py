"""Writes what a load must not find into the snapshot: digests of originals, sealed with the masking key."""

import os
from collections.abc import Callable, Iterable, Mapping

from datareplication.jobs.frame.log import Log
from datareplication.jobs.model import contents
from datareplication.jobs.model.manifest import Part
from datareplication.jobs.model.masking import leaks
from datareplication.jobs.model.masking.leaks import LeakGate
from datareplication.jobs.model.masking.masking import LEAK_GATE_DOMAIN, Masking
from datareplication.jobs.model.tables import Table
from datareplication.jobs.snapshot.hashing import hashed_file
from datareplication.jobs.snapshot.store import Draft

Sampled = Mapping[int, Mapping[str, str | None]]
"""Oid of a table -> column -> digests; None if they could not be computed."""


def made(masking: Masking, tables: Iterable[Table], snapshot_time: str, sampled: Sampled, log: Log) -> LeakGate:
    """Return what a load must not find; warn of columns whose originals are not known."""
    every = list(tables)
    found = {oid: {name: one or "" for name, one in columns.items()} for oid, columns in sampled.items()}
    names = {table.oid: f"{table.schema}.{table.name}" for table in every}
    if failed := [f"{names[oid]}.{name}" for oid, one in sampled.items() for name, text in one.items() if text is None]:
        log.warning(
            "originals that the leak gate does not know: the query failed, took too long, or would run code of users",
            columns=failed,
        )
    return leaks.gate(masking, every, snapshot_time, found)


def write(draft: Draft, gate: LeakGate, masking_key: bytes, tick: Callable[[], None]) -> tuple[Part, str]:
    """Write the file; return the manifest's description of it, and its seal."""
    content = gate.to_json()
    with draft.made(contents.LEAK_GATE) as descriptor, os.fdopen(os.dup(descriptor), "wb") as file:
        file.write(content.encode())
    part = hashed_file(draft.root, contents.LEAK_GATE, tick)
    return part, leaks.seal(leaks.subkey(masking_key, LEAK_GATE_DOMAIN), content)
