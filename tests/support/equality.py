"""Whether two databases are equal: content by queries, schema by pg_dump; statements for a database of corner cases."""

import os
import re
import subprocess
from pathlib import Path

from support.server import PASSWORD, Server

DEMO = Path(__file__).parents[1] / "demo"

CORNERS = r"""
CREATE TABLE no_columns ();
INSERT INTO no_columns DEFAULT VALUES; INSERT INTO no_columns DEFAULT VALUES;
CREATE TABLE no_rows (id int);
CREATE TABLE only_generated (g int GENERATED ALWAYS AS (1) STORED);
INSERT INTO only_generated DEFAULT VALUES;
CREATE SCHEMA "sch.ema ""with"" 'quotes'";
CREATE TABLE "sch.ema ""with"" 'quotes'"."../%s {} ; table
name" ("select" text, "a ""b"", %s" int);
INSERT INTO "sch.ema ""with"" 'quotes'"."../%s {} ; table
name" VALUES ('x', 1);
CREATE SEQUENCE "Se""q";
SELECT setval('"Se""q"', 41, false);
CREATE TABLE texts (v text);
INSERT INTO texts VALUES (NULL), (''), ('\N'), (E'\\.'), (E'a\n\\.\nb'), (' '), ('"'), (','), (E'\r'), (E'\r\n'), (E'\t');
CREATE TABLE parent (id int, note text);
CREATE TABLE child (extra int) INHERITS (parent);
INSERT INTO parent VALUES (1, 'own'); INSERT INTO child VALUES (2, 'inherited', 3);
CREATE TABLE dropped (a int, b int, c int);
INSERT INTO dropped VALUES (1, 2, 3);
ALTER TABLE dropped DROP COLUMN b;
CREATE MATERIALIZED VIEW a_last AS SELECT 1 AS n WITH NO DATA;
CREATE MATERIALIZED VIEW z_first AS SELECT count(*) AS n FROM parent;
CREATE VIEW between_them AS SELECT n + 1 AS n FROM z_first;
DROP MATERIALIZED VIEW a_last;
CREATE MATERIALIZED VIEW a_last AS SELECT n FROM between_them;
CREATE MATERIALIZED VIEW never_filled AS SELECT 1 AS n WITH NO DATA;
CREATE TABLE cycle_a (id int PRIMARY KEY, b int);
CREATE TABLE cycle_b (id int PRIMARY KEY, a int REFERENCES cycle_a);
ALTER TABLE cycle_a ADD FOREIGN KEY (b) REFERENCES cycle_b DEFERRABLE INITIALLY DEFERRED;
BEGIN; INSERT INTO cycle_a VALUES (1, 1); INSERT INTO cycle_b VALUES (1, 1); COMMIT;
CREATE TABLE secret (id int);
INSERT INTO secret VALUES (1);
ALTER TABLE secret ENABLE ROW LEVEL SECURITY;
ALTER TABLE secret FORCE ROW LEVEL SECURITY;
CREATE POLICY nobody ON secret USING (false);
"""
"""Objects that are hard to dump and load."""


def content(server: Server, database: str) -> str:
    return server.psql("-q", "-f", str(DEMO / "content.sql"), database=database)


def schema(server: Server, database: str) -> str:
    """Return pg_dump's schema, without lines that a load adds or that differ from run to run."""
    command: list[str | Path] = [
        server.binaries / "pg_dump",
        "--schema-only",
        "--exclude-schema=datareplication",
        "--username=postgres",
    ]
    environment = {**os.environ, "PGPASSWORD": PASSWORD}
    done = subprocess.run(
        [*command, "-d", server.conninfo(database)], env=environment, capture_output=True, text=True, check=True
    )
    return re.sub(r"(?m)^(\\(un)?restrict .*|-- Dumped .*)$", "", done.stdout)
