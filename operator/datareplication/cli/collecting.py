"""Reads what a report needs, as far as the person may, and writes it: a .tar.gz or a directory."""

import io
import os
import tarfile
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

from datareplication.cli.screen import on_paper
from datareplication.cli.session import Session
from datareplication.cli.view import bundle, overview, why
from datareplication.cli.view.bundle import Entry
from datareplication.core.kinds import EVENT, JOB, POD, RUN, Kind
from datareplication.core.names import REPLICATION_LABEL, ROLE_LABEL
from datareplication.errors import ReplicationError, StorageError

OPERATOR_LABEL = "app.kubernetes.io/name=datareplication-operator"

Objects = list[dict[str, Any]]


@dataclass
class Bundle:
    """What was read, and why the rest was not."""

    entries: list[Entry] = field(default_factory=list)
    missing: list[str] = field(default_factory=list)

    def read(self, what: str, work: Callable[[], Any]) -> Any:
        """Return what `work` reads; if it cannot be read, note why and return nothing."""
        try:
            return work()
        except ReplicationError as error:
            self.missing.append(f"{what}: {error.message}")
            return []

    def whole(self, time: str) -> list[Entry]:
        """Return the files, with the one that explains them."""
        return [bundle.readme(self.entries, self.missing, time), *self.entries]


def collect(session: Session, name: str, operator_namespace: str) -> Bundle:
    """Return everything about one DataReplication, or about all of the namespace.

    A DataReplication that does not exist, and a missing right to read them, raise; whatever else cannot be read is
    noted.
    """
    made = Bundle()
    replications = [session.raw(name)] if name else session.all_raw()
    _pages(made, session, replications)
    made.entries.append(bundle.objects("datareplications", replications))
    found = {kind.plural: _objects(made, session, kind, name) for kind in (RUN, JOB, POD)}
    made.entries += [bundle.objects(plural, objects) for plural, objects in found.items()]
    names = [one["metadata"]["name"] for one in (*replications, *(one for many in found.values() for one in many))]
    events = made.read("Events", lambda: session.api.list_all(EVENT, session.namespace))
    made.entries.append(bundle.objects("events", bundle.are_ours(events, names)))
    for pod in found[POD.plural]:
        _log(made, session, "logs", pod, (pod["metadata"].get("labels") or {}).get(ROLE_LABEL, ""))
    _operator(made, session, operator_namespace)
    return made


def _pages(made: Bundle, session: Session, replications: Objects) -> None:
    """Add what `status` and `why` show."""
    subjects = made.read("runs", partial(session.subjects, replications))
    status = tuple(block for one in subjects for block in overview.one(one, session.now))
    answers = why.pages(tuple((one, why.answer(one, session.now)) for one in subjects))
    made.entries += [bundle.shown("status", on_paper(status)), bundle.shown("why", on_paper(answers))]


def _objects(made: Bundle, session: Session, kind: Kind, name: str) -> Objects:
    """Return the objects of a kind that belong to one DataReplication, or to any."""
    if kind == RUN:
        query = {"fields": f"spec.replicationName={name}" if name else ""}
    else:
        query = {"labels": f"{REPLICATION_LABEL}={name}" if name else REPLICATION_LABEL}
    found: Objects = made.read(kind.plural, lambda: session.api.list_all(kind, session.namespace, **query))
    return found


def _log(made: Bundle, session: Session, folder: str, pod: dict[str, Any], container: str) -> None:
    name, namespace = pod["metadata"]["name"], pod["metadata"]["namespace"]
    if container:
        lines = made.read(
            f"log of {name}", lambda: [*session.api.log(namespace, name, container, lines=bundle.LOG_LINES)]
        )
        made.entries.append(bundle.log(folder, name, lines))


def _operator(made: Bundle, session: Session, namespace: str) -> None:
    """Add the operator's pods, which tell its version, and their logs."""
    pods: Objects = made.read(
        "the operator's pods", lambda: session.api.list_all(POD, namespace, labels=OPERATOR_LABEL)
    )
    if not pods and not any(one.startswith("the operator's pods") for one in made.missing):
        made.missing.append(bundle.without_operator(namespace))
    made.entries.append(bundle.objects("operator-pods", pods))
    for pod in pods:
        for container in ((pod.get("spec") or {}).get("containers") or ())[:1]:
            _log(made, session, "operator-logs", pod, container["name"])


def write(path: Path, entries: Sequence[Entry]) -> None:
    """Write the files into a .tar.gz or a directory, for the owner only; StorageError if it cannot be written."""
    try:
        if path.name.endswith((".tar.gz", ".tgz")):
            _pack(path, entries)
        else:
            _lay_out(path, entries)
    except OSError as error:
        raise StorageError(f"{path} cannot be written: {error.strerror}; give another --file") from error


def _pack(path: Path, entries: Iterable[Entry]) -> None:
    root = path.name.removesuffix(".tar.gz").removesuffix(".tgz")
    # One call makes and opens it: a file that somebody puts there in between, or a link, is never written to.
    made = os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb")
    with made, tarfile.open(fileobj=made, mode="w:gz") as archive:
        for entry in entries:
            content = entry.text.encode(errors="backslashreplace")
            member = tarfile.TarInfo(f"{root}/{entry.path}")
            member.size, member.mode = len(content), 0o600
            archive.addfile(member, io.BytesIO(content))


def _lay_out(path: Path, entries: Iterable[Entry]) -> None:
    path.mkdir(mode=0o700, parents=True)
    for entry in entries:
        file = path / entry.path
        file.parent.mkdir(exist_ok=True)
        file.write_text(entry.text, encoding="utf-8", errors="backslashreplace")
