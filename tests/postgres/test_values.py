"""Generated values of every scalar type, and generated names, through COPY and the snapshot's files and back."""

import contextlib
import io
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from psycopg2 import sql

from datareplication.core.choices import Compression
from datareplication.jobs.model.connections import Connection
from datareplication.jobs.model.contents import SUFFIXES
from datareplication.jobs.model.tables import Shape
from datareplication.jobs.postgres import copying
from datareplication.jobs.postgres.connection import Session, connect, identifier
from datareplication.jobs.snapshot.parts import PartReader, PartWriter
from support import scalars
from support.server import PASSWORD, Server

SCALARS = """
    SELECT t.typname FROM pg_type t WHERE t.typnamespace = 'pg_catalog'::regnamespace AND t.typtype IN ('b', 'r', 'm')
      AND NOT EXISTS (SELECT FROM pg_type element WHERE element.typarray = t.oid)
"""
SYSTEM_COLUMNS = {"ctid", "cmax", "cmin", "tableoid", "xmax", "xmin"}
COMPRESSIONS = st.sampled_from(sorted(SUFFIXES))
NAMES = scalars.NAME.filter(lambda name: name != "" and name not in SYSTEM_COLUMNS)

ONLY_AS_TEXT = {
    "aclitem": "it has no binary form",
    "tsquery": "its text, which is all that COPY and pg_dump write, does not say how a & b & c was put together",
}

PROFILE = settings(
    derandomize=True,
    database=None,
    deadline=None,  # the machine may be busy with other tests
    max_examples=10,
    # One database serves all examples: each empties its table first. Generating lists of texts is slow in itself.
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)


@dataclass(frozen=True)
class Copier:
    """Copies tables within one database as dump and load do."""

    session: Session
    root: Path

    def run(self, statement: str, *names: str, values: Sequence[object] = ()) -> None:
        """Run a statement with quoted names and then values in it."""
        filled = [*(sql.Identifier(name) for name in names), *(sql.Literal(value) for value in values)]
        with self.session.cursor() as cursor:
            cursor.execute(sql.SQL(statement).format(*filled))

    def there_and_back(self, one: Shape, other: Shape, compression: Compression) -> None:
        """Copy a table's rows into another's through a file."""
        path = f"values{SUFFIXES[compression]}"
        with PartWriter(self.root, path, compression, lambda _: None) as writer:
            part = writer.part(copying.copy_out(self.session, one, writer.stream))
        with PartReader(self.root, part, lambda _: None) as reader:
            assert copying.copy_in(self.session, other, reader, freeze=False) == part.rows
        (self.root / path).unlink()

    def content(self, shape: Shape, form: str) -> bytes:
        """Return a table as COPY writes it, in a format that the programs do not use."""
        stream = io.BytesIO()
        statement = sql.SQL("COPY {} TO STDOUT (FORMAT {})").format(identifier(shape.schema, shape.name), sql.SQL(form))
        with self.session.cursor() as cursor:
            cursor.copy_expert(statement, stream)
        return stream.getvalue()


@pytest.fixture(scope="module")
def copier(source: Server, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Copier]:
    source.run("CREATE DATABASE round_trips")
    given_connection = Connection("PROD", source.conninfo("round_trips"), "postgres", PASSWORD)
    with contextlib.closing(connect(given_connection, "test")) as session:
        yield Copier(session, tmp_path_factory.mktemp("values"))
    source.run("DROP DATABASE round_trips")


def test_no_scalar_type_is_forgotten(source: Server) -> None:
    assert {name for (name,) in source.run(SCALARS)} == set(scalars.OF_TYPE) | scalars.WITHOUT_TEXT


@pytest.mark.parametrize("kind", sorted(scalars.OF_TYPE))
def test_values_arrive_as_they_were(copier: Copier, kind: str) -> None:
    one, other = (Shape("public", f"{kind}_{which}", ("v", "list")) for which in ("one", "other"))
    for shape in (one, other):
        copier.run("DROP TABLE IF EXISTS public.{}", shape.name)
        copier.run("CREATE TABLE public.{} (v pg_catalog.{}, list pg_catalog.{}[])", shape.name, kind, kind)
    fill = "INSERT INTO public.{} SELECT v::pg_catalog.{}, ARRAY[v, NULL, v]::pg_catalog.{}[] FROM unnest({}::text[]) v"

    @PROFILE
    @given(
        values=st.lists(st.one_of(st.none(), scalars.OF_TYPE[kind]), min_size=1, max_size=25), compression=COMPRESSIONS
    )
    def check(values: list[str | None], compression: Compression) -> None:
        copier.run("TRUNCATE public.{}, public.{}", one.name, other.name)
        copier.run(fill, one.name, kind, kind, values=[values])
        copier.there_and_back(one, other, compression)
        assert copier.content(other, "text") == copier.content(one, "text")
        if kind not in ONLY_AS_TEXT:
            assert copier.content(other, "binary") == copier.content(one, "binary")

    check()


@settings(PROFILE, max_examples=20)
@given(schema=NAMES, table=NAMES, columns=st.lists(NAMES, max_size=8, unique=True), compression=COMPRESSIONS)
def test_names_are_taken_as_they_are(
    copier: Copier, schema: str, table: str, columns: list[str], compression: Compression
) -> None:
    schema = "x" + schema[:15] if schema.startswith("pg_") else schema
    one, other = Shape(f"{schema[:14]} ", table, tuple(columns)), Shape(f"{schema[:14]}.", table, tuple(columns))
    listed = ", ".join("{} text" for _ in columns)
    copier.run("BEGIN")
    try:
        for shape in (one, other):
            copier.run("CREATE SCHEMA {}", shape.schema)
            copier.run("CREATE TABLE {}.{} (" + listed + ")", shape.schema, shape.name, *columns)
        listed = ", ".join("{}" for _ in columns)
        insert = "INSERT INTO {}.{} VALUES (" + listed + ")" if columns else "INSERT INTO {}.{} DEFAULT VALUES"
        copier.run(insert, one.schema, one.name, values=columns)
        copier.there_and_back(one, other, compression)
        assert copier.content(other, "text") == copier.content(one, "text")
    finally:
        copier.run("ROLLBACK")
