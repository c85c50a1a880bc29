"""What the snapshot's file tells about originals, and what it does not."""

import os
import subprocess
import sys

from datareplication.jobs.model.masking import leaks
from datareplication.jobs.model.masking.masking import Masking
from datareplication.jobs.model.tables import Table
from support.programs import OPERATOR

DIGESTS = [f"{number:016x}" for number in (7, 3, 9, 1)]


def table(oid: int, name: str) -> Table:
    return Table(
        oid=oid, schema="public", name=name, kind="Table", is_unlogged=False, blocks=1, bytes=1, estimated_rows=1,
        columns=(), indexes=(),
    )  # fmt: skip


def test_the_order_of_digests_and_what_columns_have_in_common_are_not_told() -> None:
    found = {1: {"mail": "".join(DIGESTS)}, 2: {"mail": "".join(DIGESTS[:2]), "name": DIGESTS[3] + "a" * 16}}
    masking = Masking(b"", "en", (), {}, "sha")

    made = leaks.gate(masking, [table(1, "people"), table(2, "audit")], "2026-01-01T00:00:00Z", found)

    assert {str(one.column): one.digests for one in made.originals} == {
        "public.people.mail": "".join(sorted(DIGESTS)),
        "public.audit.name": "a" * 16,
    }


def test_a_file_that_is_full_of_digests_takes_little_memory() -> None:
    """Whoever writes to the volume decides how long a text of digests is."""
    program = (
        "import resource\n"
        "from datareplication.jobs.model import codec\n"
        "from datareplication.jobs.model.masking.leaks import Column, Originals\n"
        "given = {'column': {'schema': 'a', 'table': 'b', 'column': 'c'}, 'digests': '0123456789abcdef' * (60 << 16)}\n"
        "resource.setrlimit(resource.RLIMIT_AS, (500 << 20, 500 << 20))\n"
        "codec.decoded(Originals, given, 'the file')\n"
    )
    subprocess.run([sys.executable, "-c", program], check=True, env={**os.environ, "PYTHONPATH": str(OPERATOR)})
