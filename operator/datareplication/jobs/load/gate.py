"""The leak gate: nothing that the masking rules cover may be in a loaded database before anybody can see it.

It reads what the dump wrote about it, and decides what a finding means. `searching` searches rows.
"""

import os
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace

from datareplication.errors import DataError, UsageError
from datareplication.jobs.load.searching import Known
from datareplication.jobs.load.tasks import SearchTable
from datareplication.jobs.model import codec, contents
from datareplication.jobs.model.manifest import Manifest
from datareplication.jobs.model.masking import leaks
from datareplication.jobs.model.masking.leaks import Column, LeakGate
from datareplication.jobs.model.masking.masking import LEAK_GATE_DOMAIN
from datareplication.jobs.model.masking.searches import Finding, Searchable
from datareplication.jobs.model.masking.telling import Kind
from datareplication.jobs.model.omission import shortened
from datareplication.jobs.model.settings import LoadSettings
from datareplication.jobs.snapshot.archives import Archives

LARGEST_BYTES = 64 << 20
"""Of the gate's file: twenty times what the digests take."""

REMEDY = "mask these columns, mend the after-load SQL, or name what may be there in the rules' leakGate"


def known(given: LoadSettings, manifest: Manifest, archives: Archives) -> Known | None:
    """Return what must not be found; None for a snapshot that is not masked.

    UsageError if the masking key is missing, DataError if it is another, or if a key is given and nothing is masked.
    """
    if manifest.masked is None:
        if given.masking_key is not None:
            text = f"{given.input} is not masked, but a masking key is given"
            raise DataError(f"{text}: load a snapshot that was dumped with the masking rules", reason="NotMasked")
        return None
    if manifest.leak_gate is None or manifest.leak_gate.stored_bytes > LARGEST_BYTES:
        text = f"the snapshot is masked, but has no {contents.LEAK_GATE} that a dump wrote: dump again"
        raise DataError(text, reason="SnapshotCorrupt")
    content = _content(archives)
    gate: LeakGate = codec.decoded(LeakGate, codec.parsed(content), contents.LEAK_GATE)
    if given.leak_gate == "Patterns":
        return Known(replace(gate, originals=()), b"")
    if given.masking_key is None:
        text = "the snapshot is masked: MASKING_KEY must hold the masking key, with which leaks are found"
        raise UsageError(f"{text}; without it, --leak-gate Patterns finds less", reason="MissingVariable")
    key = leaks.subkey(given.masking_key, LEAK_GATE_DOMAIN)
    if not leaks.is_sealed(key, content, manifest.masked.leak_gate_seal):
        text = f"{contents.LEAK_GATE} was not written with this masking key"
        raise DataError(f"{text}: give dump and load the same key, or dump again", reason="WrongMaskingKey")
    if gate.snapshot_time != manifest.snapshot_time:
        raise DataError(f"{contents.LEAK_GATE} belongs to another snapshot", reason="SnapshotCorrupt")
    return Known(gate, key)


def _content(archives: Archives) -> str:
    with archives.opened(contents.LEAK_GATE) as descriptor:
        return os.pread(descriptor, LARGEST_BYTES, 0).decode("utf-8", "replace")


def tasks(found: Known, every: Iterable[Searchable], encoding: str) -> list[SearchTable]:
    """Return the tasks that search a database."""
    return [task for one in every if (task := SearchTable(*_searched(found, one), encoding)).of.columns]


def _searched(found: Known, of: Searchable) -> tuple[Searchable, tuple[frozenset[Kind], ...]]:
    """Return the columns of a table that are searched, and what is looked for in each."""
    kinds = {name: found.gate.kinds(Column(of.schema, of.name, name), of_view=of.is_view) for name in of.columns}
    kept = [(name, content) for name, content in zip(of.columns, of.contents, strict=True) if kinds[name]]
    names, held = tuple(name for name, _ in kept), tuple(content for _, content in kept)
    return replace(of, columns=names, contents=held), tuple(kinds[name] for name in names)


def refuse(findings: Sequence[Finding]) -> None:
    """Raise DataError if there are any."""
    if findings:
        count = len({one.column for one in findings})
        text = f"{'1 column holds' if count == 1 else f'{count} columns hold'} what must not leave production"
        raise DataError(f"{text}: {shortened(tuple(_told(findings)))}; {REMEDY}", reason="LeakFound")


def _told(findings: Iterable[Finding]) -> Iterator[str]:
    by_column: dict[str, list[str]] = {}
    for one in findings:
        by_column.setdefault(one.column, []).append(one.what)
    for column, what in by_column.items():
        yield f"{column} has {', '.join(what)}"
