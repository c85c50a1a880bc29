"""The databases of a raw spec as lineage names them. Pure; a spec may have become invalid, so it is read leniently."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from datareplication.core.cluster_ref import derived
from datareplication.core.endpoints import DEFAULT_PORT
from datareplication.core.names import PREVIOUS_SUFFIX


@dataclass(frozen=True)
class Dataset:
    """A database, by OpenLineage's convention for PostgreSQL."""

    namespace: str
    name: str


def inputs(spec: Mapping[str, Any], action: str, names: Iterable[str]) -> tuple[Dataset, ...]:
    """Return what a run reads: the source, and for a rollback each target's previous database. names: its targets."""
    if action != "Rollback":
        found = source(spec)
        return (found,) if found else ()
    known = targets(spec)
    return tuple(replace(known[name], name=known[name].name + PREVIOUS_SUFFIX) for name in names if name in known)


def source(spec: Mapping[str, Any]) -> Dataset | None:
    """Return the database that is copied; None if the spec does not tell."""
    return _of(spec.get("source"))


def targets(spec: Mapping[str, Any]) -> dict[str, Dataset]:
    """Return name -> database of the targets that the spec tells."""
    listed = spec.get("targets")
    found = [(one.get("name"), _of(one)) for one in (listed if isinstance(listed, list) else ()) if _is_map(one)]
    return {str(name): dataset for name, dataset in found if dataset is not None}


def _of(endpoint: Any) -> Dataset | None:
    if not _is_map(endpoint):
        return None
    ref = endpoint.get("clusterRef")
    host = endpoint.get("host") or (derived(ref).get("host") if _is_map(ref) else None)
    if not host or not endpoint.get("database"):
        return None
    host, port = str(host), endpoint.get("port", DEFAULT_PORT)
    return Dataset(f"postgres://{f'[{host}]' if ':' in host else host}:{port}", str(endpoint["database"]))


def _is_map(value: Any) -> bool:
    return isinstance(value, Mapping)
