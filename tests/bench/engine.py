"""The engine against pg_dump, pg_restore and the server's own limit: ratios from one run on one machine.

Run by: make bench-engine [ARGUMENTS="--mebibytes 300 --repeats 3 --only load"]

A figure is the median of our wall times divided by the median of its peer's, of whole commands (the start of Python
counts); the two take turns. Same data, same servers, N = 2 workers, and no compression unless the figure's name has
one. The figures go to build/bench/engine.json too. Ends with 1 when a goal is not met.
"""

import argparse
import contextlib
import json
import statistics
import sys
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import datasets
from commands import Place, Source, dump, limit_of_dump, load, pg_dump, pg_restore, server_side_load

from support import server

OUTPUT = Path("build/bench/engine.json")
SETTINGS = {
    "fsync": "on",
    "full_page_writes": "on",
    "shared_buffers": "512MB",
    "max_wal_size": "8GB",
    "wal_level": "replica",
    "log_min_messages": "error",
}
"""As a server for such data would be set; the rest as tests/support/server.py."""

Measure = Callable[[], float]


@dataclass
class Figure:
    """One ratio. ours, peers: wall times in seconds."""

    name: str
    goal: float
    ours: list[float] = field(default_factory=list)
    peers: list[float] = field(default_factory=list)

    @property
    def value(self) -> float:
        return statistics.median(self.ours) / statistics.median(self.peers)

    def __str__(self) -> str:
        verdict = "met" if self.value <= self.goal else "NOT MET"
        times = f"{statistics.median(self.ours):7.2f} s against {statistics.median(self.peers):7.2f} s"
        return f"{self.name:<46}{self.value:5.2f}  goal {self.goal:.2f}  {verdict:<8}{times}"


@dataclass(frozen=True)
class Bench:
    """One set of data on a source, and three servers for targets."""

    name: str
    source: Source
    targets: tuple[Place, ...]
    repeats: int
    only: str

    @property
    def is_skewed(self) -> bool:
        return self.name == "skewed"

    def figures(self) -> Iterator[Figure]:
        for kind in (self.dumps, self.loads, self.fan_outs):
            if self.only in {"", kind.__name__.removesuffix("s")}:
                yield from kind()

    def dumps(self) -> Iterator[Figure]:
        goal = 0.7 if self.is_skewed else 1.0
        plain: Measure = lambda: dump(self.source)  # noqa: E731
        yield self._compare("dump / pg_dump -Z0", goal, plain, lambda: pg_dump(self.source, "-Z0"))
        zstd: Measure = lambda: dump(self.source, "Zstd")  # noqa: E731
        yield self._compare("dump zstd / pg_dump (gzip)", 0.6, zstd, lambda: pg_dump(self.source))
        if int(self.source.place.server.binaries.parent.name) >= 16:
            yield self._compare("dump zstd / pg_dump -Zzstd", 1.1, zstd, lambda: pg_dump(self.source, "-Zzstd"))
        yield self._compare("dump / COPY TO on the server", 1.15, plain, lambda: limit_of_dump(self.source))

    def loads(self) -> Iterator[Figure]:
        self._prepare()
        target = self.targets[:1]
        ours: Measure = lambda: load(self.source, target)  # noqa: E731
        goal = 0.9 if self.is_skewed else 1.0
        yield self._compare("load / pg_restore", goal, ours, lambda: pg_restore(self.source, target))
        with server_side_load(self.source, target[0]) as limit:
            yield self._compare("load / COPY FROM, indexes on the server", 1.15, ours, limit)

    def fan_outs(self) -> Iterator[Figure]:
        shared = tuple(Place(self.targets[0].server, f"{self.name}_{i}") for i in range(len(self.targets)))
        for what, goal, targets, share in (("3 servers", 1.0, self.targets, False), ("1 server", 0.55, shared, True)):

            def ours(targets: tuple[Place, ...] = targets, share: bool = share) -> float:
                return dump(self.source) + load(self.source, targets, share=share)

            def peers(targets: tuple[Place, ...] = targets) -> float:
                return pg_dump(self.source, "-Z0") + pg_restore(self.source, targets, analyze=True)

            yield self._compare(f"dump and 3 loads, {what} / pg_dump …", goal, ours, peers)
        for place in shared:
            place.server.run(f"DROP DATABASE IF EXISTS {place.database} WITH (FORCE)")

    def _prepare(self) -> None:
        """Write both snapshots; the loads read them."""
        dump(self.source)
        pg_dump(self.source, "-Z0")

    def _compare(self, what: str, goal: float, ours: Measure, peers: Measure) -> Figure:
        figure = Figure(f"{self.name}: {what}", goal)
        for _ in range(self.repeats):
            figure.ours.append(ours())
            figure.peers.append(peers())
        print(figure, flush=True)
        return figure


def main() -> int:
    """Measure, print, write the file; 1 when a goal is not met."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--mebibytes", type=int, default=400, help="about the CSV of each set (default: 400)")
    parser.add_argument("--repeats", type=int, default=3, help="of each figure (default: 3)")
    parser.add_argument("--only", choices=["dump", "load", "fan_out"], default="", help="kind of figures")
    parser.add_argument("--set", choices=list(datasets.SETS), action="append", help="of data (default: all)")
    given = parser.parse_args()
    figures: list[Figure] = []
    with contextlib.ExitStack() as stack:
        source, *targets = (stack.enter_context(server.running(SETTINGS, in_memory=False)) for _ in range(4))
        for name in given.set or datasets.SETS:
            directory = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="bench-")))
            made = Source(Place(source, name), directory)
            _fill(made, given.mebibytes)
            places = tuple(Place(target, name) for target in targets)
            figures += Bench(name, made, places, given.repeats, given.only).figures()
            for place in (made.place, *places):
                for suffix in ("", "__previous"):
                    place.server.run(f"DROP DATABASE IF EXISTS {name}{suffix} WITH (FORCE)")
    OUTPUT.parent.mkdir(parents=True, exist_ok=True)
    found = [{"name": f.name, "value": round(f.value, 3), "goal": f.goal, "runs": len(f.ours)} for f in figures]
    OUTPUT.write_text(json.dumps(found, indent=1) + "\n")
    return 0 if all(figure.value <= figure.goal for figure in figures) else 1


def _fill(source: Source, mebibytes: int) -> None:
    source.place.make()
    script = source.directory / "fill.sql"
    script.write_text(datasets.SETS[source.place.database].format(mebibytes=mebibytes))
    source.place.server.psql("-q", "-o", "/dev/null", "-f", str(script), database=source.place.database)
    source.place.server.run("VACUUM (FREEZE, ANALYZE)", "CHECKPOINT", database=source.place.database)
    ((size,),) = source.place.server.run(f"SELECT pg_size_pretty(pg_database_size('{source.place.database}'))")
    print(f"--- {source.place.database}: {size} with indexes", flush=True)


if __name__ == "__main__":
    sys.exit(main())
