"""Keeps of a list of objects what the board needs, as the pages of the list come in, and never more than there is room.

Users decide how many objects there are and how long their messages are; the memory of the operator must not.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from datareplication.core.judgement import reading
from datareplication.core.judgement.facts import Replication, Run, Subject

REPLICATIONS_LIMIT = 5000
RUNS_LIMIT = 10
"""Runs of one DataReplication."""
BYTES_LIMIT = 32_000_000
"""Of all messages. Beyond it runs are kept without their steps, and DataReplications without their messages."""

READER = reading.Reader()

NOTHING: dict[str, Any] = {}
"""What is left of an object in the list itself."""


@dataclass
class Room:
    """How much may still be kept."""

    replications: int = REPLICATIONS_LIMIT
    bytes_left: int = BYTES_LIMIT
    replications_left_out: int = 0
    replications_cut: int = 0
    runs_cut: int = 0

    @property
    def left_out(self) -> str:
        """Return what there was no room for, in words; empty if there was room for all."""
        told = []
        if self.replications_left_out:
            told.append(f"{self.replications_left_out} DataReplications are not shown; there is no room for them")
        if self.replications_cut:
            told.append(f"{self.replications_cut} DataReplications are shown without their messages")
        if self.runs_cut:
            told.append(f"{self.runs_cut} runs are shown without their steps; there is no room for these")
        return "; ".join(told)


class Gathering:
    """What is kept of the objects of one namespace, or of all of them.

    before: what was kept the last time; objects that have not changed are not read again.
    """

    def __init__(self, room: Room, before: Iterable[Subject] = ()) -> None:
        self._room = room
        self._replications: dict[tuple[str, str], Replication] = {}
        self._runs: dict[tuple[str, str], list[Run]] = {}
        self._known_runs: dict[str, Run] = {}
        self._known: dict[str, Replication] = {}
        for subject in before:
            if subject.one.is_whole:
                self._known[subject.one.version] = subject.one
            self._known_runs |= {run.version: run for run in subject.runs if run.is_whole}

    def keep_replication(self, raw: dict[str, Any]) -> dict[str, Any]:
        """Keep a DataReplication, if there is room; return nothing."""
        if self._room.replications <= 0:
            self._room.replications_left_out += 1
            return NOTHING
        one = self._known.get(reading.version_of(raw)) or READER.replication(raw)
        if one.weight > self._room.bytes_left:
            one = one.without_messages()
            self._room.replications_cut += 1
        self._room.bytes_left -= one.weight
        self._room.replications -= 1
        self._replications[one.namespace, one.name] = one
        return NOTHING

    def keep_run(self, raw: dict[str, Any]) -> dict[str, Any]:
        """Keep a run whose DataReplication is kept, if it is one of the last; return nothing."""
        run = self._known_runs.get(reading.version_of(raw)) or READER.run(raw)
        key = run.namespace, run.replication
        if key in self._replications:
            if run.weight > self._room.bytes_left:
                run = run.without_steps()
                self._room.runs_cut += 1
            self._room.bytes_left -= run.weight
            found = self._runs.setdefault(key, [])
            found.append(run)
            if len(found) > RUNS_LIMIT:
                self._drop_one(found, self._replications[key])
        return NOTHING

    def subjects(self) -> tuple[Subject, ...]:
        """Return what was kept."""
        return tuple(Subject(one, tuple(self._runs.get(key, ()))) for key, one in self._replications.items())

    def _drop_one(self, runs: list[Run], one: Replication) -> None:
        """Drop the oldest of the runs that tell nothing of now."""
        telling = {one.last_failure.run if one.last_failure else "", *(target.run for target in one.targets)}
        dropped = min(runs, key=lambda run: (not run.is_finished, run.name in telling, run.created, run.name))
        runs.remove(dropped)
        self._room.bytes_left += dropped.weight
        self._room.runs_cut -= not dropped.is_whole
