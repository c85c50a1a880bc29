"""Anonymous memory of every process of a dump and a load, at two sizes of data a factor of ten apart.

Run by: PYTHONPATH=operator:tests python tests/bench/memory.py [--mebibytes 60]

The data is 1,000 tables: most hold a few rows, three hold the bytes, in rows of 100 bytes, of 10 KiB and of 1 MiB. Every
50 ms the RssAnon (proc(5)) of the program and all its descendants is read; a process's peak counts. Ends with 1 when one
is over the limit, or grows with the data by more than a tenth of the limit.
"""

import argparse
import contextlib
import json
import os
import subprocess
import sys
import tempfile
import time
from collections import defaultdict
from pathlib import Path

from support import server
from support.programs import OPERATOR, Programs

LIMIT_MIB = 128
GROWTH_ALLOWED_MIB = 13
TABLES = 1000
INTERVAL_SECONDS = 0.05

FILL = """
    CREATE EXTENSION IF NOT EXISTS pgcrypto;
    SELECT format('CREATE TABLE small_%s (id int PRIMARY KEY, v text)', i) FROM generate_series(4, {tables}) i \\gexec
    SELECT format('INSERT INTO small_%s SELECT n, md5(n::text) FROM generate_series(1, 20) n', i)
      FROM generate_series(4, {tables}) i \\gexec
    CREATE TABLE narrow AS SELECT i, md5(i::text) || md5((i + 1)::text) AS v FROM generate_series(1, {mebibytes} * 4000) i;
    CREATE TABLE middle (i int, v bytea);
    ALTER TABLE middle ALTER v SET STORAGE EXTERNAL;
    INSERT INTO middle SELECT i, gen_random_bytes(1000) || decode(repeat('00', 4000), 'hex')
      FROM generate_series(1, {mebibytes} * 33) i;
    CREATE TABLE wide (i int, v text);
    ALTER TABLE wide ALTER v SET STORAGE EXTERNAL;
    INSERT INTO wide SELECT i, repeat(md5(i::text), 32768) FROM generate_series(1, {mebibytes} / 3) i;
    ANALYZE;
"""


def main() -> int:
    """Measure, print a table, say whether the bound holds."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--mebibytes", type=int, default=60, help="CSV of the smaller size (default: 60)")
    size = parser.parse_args().mebibytes
    with contextlib.ExitStack() as stack:
        source, target = (stack.enter_context(server.running(in_memory=False)) for _ in range(2))
        directory = stack.enter_context(tempfile.TemporaryDirectory())
        peaks = [_measure(source, target, Path(directory), mebibytes) for mebibytes in (size, size * 10)]
    print(f"{'process':<26}{size:>8} MiB{size * 10:>8} MiB")
    for name in sorted(peaks[0]):
        print(f"{name:<26}{peaks[0][name]:>8.1f}    {peaks[1][name]:>8.1f}")
    is_bounded = all(peak < LIMIT_MIB for found in peaks for peak in found.values())
    is_constant = all(peaks[1][name] - peaks[0][name] < GROWTH_ALLOWED_MIB for name in peaks[0])
    print(f"below {LIMIT_MIB} MiB: {is_bounded}; constant: {is_constant}")
    return 0 if is_bounded and is_constant else 1


def _measure(source: server.Server, target: server.Server, directory: Path, mebibytes: int) -> dict[str, float]:
    """Return each process's peak in MiB."""
    database = f"memory{mebibytes}"
    for one in (source, target):
        one.run(f"CREATE DATABASE {database}")
    fill = directory / "fill.sql"
    fill.write_text(FILL.format(tables=TABLES, mebibytes=mebibytes))
    source.psql("-q", "-f", str(fill), database=database)
    programs = Programs(directory / database, source, target, database)
    found = {**_run(programs, "dump", "--workers", "4"), **_run(programs, "load", "--workers", "2")}
    for one in (source, target):
        one.run(f"DROP DATABASE {database} WITH (FORCE)")
    return found


def _run(programs: Programs, name: str, *arguments: str) -> dict[str, float]:
    target = ["--target", "dev"] if name == "load" else []
    command = [sys.executable, "-m", f"datareplication.jobs.commands.{name}", "--run-uid", "u", *target, *arguments]
    environment = {
        **os.environ,
        **programs.environment(),
        "PYTHONPATH": str(OPERATOR),
        "TERMINATION_MESSAGE_PATH": "/x",
    }
    started = time.monotonic()
    peaks: dict[str, float] = defaultdict(float)
    with tempfile.TemporaryFile("w+") as output:
        child = subprocess.Popen(command, env=environment, stdout=output, text=True)
        while child.poll() is None:
            _sample(child.pid, name, peaks)
            time.sleep(INTERVAL_SECONDS)
        output.seek(0)
        report = json.loads(output.read().splitlines()[-1])["report"]
    assert child.returncode == 0, report
    print(f"{name}: {report['bytes'] / 2**20:.0f} MiB, {report['rows']} rows, {time.monotonic() - started:.1f} s")
    return dict(peaks)


def _sample(root: int, program: str, peaks: dict[str, float]) -> None:
    """Read the memory of a process and its descendants, and keep the highest of each kind."""
    parents: dict[int, list[int]] = defaultdict(list)
    for path in Path("/proc").glob("[0-9]*/stat"):
        with contextlib.suppress(OSError):
            parents[int(path.read_text().rpartition(")")[2].split()[1])].append(int(path.parent.name))
    waiting = [root]
    while waiting:
        pid = waiting.pop()
        waiting += parents[pid]
        with contextlib.suppress(OSError, StopIteration):
            lines = Path(f"/proc/{pid}/status").read_text().splitlines()
            used = next(int(line.split()[1]) / 1024 for line in lines if line.startswith("RssAnon:"))
            kind = _kind(pid, root)
            peaks[f"{program}: {kind}"] = max(peaks[f"{program}: {kind}"], used)


def _kind(pid: int, root: int) -> str:
    if pid == root:
        return "main"
    command = Path(f"/proc/{pid}/cmdline").read_bytes().decode(errors="replace")
    for kind in ("pg_dump", "pg_restore", "resource_tracker"):
        if kind in command:
            return kind
    return "worker"


if __name__ == "__main__":
    sys.exit(main())
