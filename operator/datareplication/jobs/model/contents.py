"""The names in a snapshot's directory. Pure: the one list that writers, readers and pruning use."""

import re

from datareplication.core.choices import Compression

MANIFEST = "manifest.json"
ARCHIVE = "schema.dump"
LARGE_OBJECTS = "blobs.dump"
LEAK_GATE = "leak_gate.json"
DATA = "data"
OURS = frozenset({MANIFEST, ARCHIVE, LARGE_OBJECTS, LEAK_GATE, DATA})

SUFFIXES: dict[Compression, str] = {"Zstd": ".csv.zst", "Gzip": ".csv.gz", "None": ".csv"}
"""Suffix of a part's file, by compression."""

PART_NAME = r"[0-9]{1,10}-[0-9]{1,10}\.csv(\.zst|\.gz)?"
PART_PATH = f"{DATA}/{PART_NAME}"


def part_path(oid: int, index: int, compression: Compression) -> str:
    """Return the path of a table's file, below the snapshot's directory."""
    return f"{DATA}/{oid}-{index}{SUFFIXES[compression]}"


def strangers(names: set[str], data_names: set[str]) -> list[str]:
    """Return the names in a snapshot's directory and its data directory that do not belong to a snapshot."""
    strange = [f"{DATA}/{name}" for name in data_names if not re.fullmatch(PART_NAME, name)]
    return sorted([*(names - OURS), *strange])
