"""A schema with objects that differ between majors, as far as the source's major has them; how copies are compared."""

import os
import re
import subprocess
from pathlib import Path

from support.server import PASSWORD, Server

COMMON = r"""
CREATE EXTENSION citext; CREATE EXTENSION hstore; CREATE EXTENSION pg_trgm;
CREATE TYPE mood AS ENUM ('sad', 'ok', 'happy');
CREATE DOMAIN positive AS int CHECK (VALUE > 0);
CREATE COLLATION german (PROVIDER = icu, LOCALE = 'de-u-co-phonebk');
CREATE TABLE kinds (
    id int GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    name citext NOT NULL UNIQUE, tags hstore, mood mood DEFAULT 'ok', weight positive,
    spans int4multirange, during tstzrange, price money, doc jsonb, raw bytea, at timestamptz, took interval,
    numbers numeric[], ratio float8, address inet, word text COLLATE german,
    doubled int GENERATED ALWAYS AS (weight * 2) STORED,
    CONSTRAINT not_both CHECK (tags IS NULL OR mood <> 'sad'),
    EXCLUDE USING gist (during WITH &&)
);
INSERT INTO kinds (name, tags, mood, weight, spans, during, price, doc, raw, at, took, numbers, ratio, address, word)
SELECT 'Name' || i, hstore('k', i::text), 'happy', i, int4multirange(int4range(i, i + 2), int4range(i + 5, i + 9)),
    tstzrange('2024-01-01'::timestamptz + i * interval '2 h', '2024-01-01'::timestamptz + i * interval '2 h' + '1 h'),
    (i * 1.37)::numeric::money, jsonb_build_object('n', i, 'e', '\u00e4'), decode(md5(i::text), 'hex'),
    '1999-12-31 23:59:59.999999+00', i * interval '1 month 2 days 3.5 s', ARRAY[i, 'NaN', 1e30], 1.0 / i, '10.0.0.1', E'\\.'
FROM generate_series(1, 300) i;
INSERT INTO kinds (name, word) VALUES ('odd 1', E'\\.'), ('odd 2', ''), ('odd 3', E'a\n\\.\nb'), ('odd 4', '\N'), ('odd 5', E'\r');
CREATE INDEX by_likeness ON kinds USING gin (name gin_trgm_ops);
CREATE INDEX happy ON kinds (lower(word) COLLATE "C" DESC NULLS LAST) INCLUDE (weight) WHERE mood = 'happy';
CREATE STATISTICS related (ndistinct, dependencies) ON mood, weight FROM kinds;
CREATE STATISTICS of_expression ON (weight % 7) FROM kinds;
CREATE TABLE measured (at date NOT NULL, place int, value float8, PRIMARY KEY (at, place)) PARTITION BY RANGE (at);
CREATE TABLE measured_2023 PARTITION OF measured FOR VALUES FROM ('2023-01-01') TO ('2024-01-01') PARTITION BY HASH (place);
CREATE TABLE measured_2023_a PARTITION OF measured_2023 FOR VALUES WITH (MODULUS 2, REMAINDER 0);
CREATE TABLE measured_2023_b PARTITION OF measured_2023 FOR VALUES WITH (MODULUS 2, REMAINDER 1);
CREATE TABLE measured_rest PARTITION OF measured DEFAULT;
INSERT INTO measured SELECT '2023-06-01'::date + i, i, i / 3.0 FROM generate_series(0, 400) i;
CREATE INDEX ON measured (value);
CREATE TABLE audit (measured_at date, place int, FOREIGN KEY (measured_at, place) REFERENCES measured ON DELETE CASCADE);
INSERT INTO audit SELECT at, place FROM measured LIMIT 10;
CREATE TABLE secrets (owner text NOT NULL, value text);
INSERT INTO secrets VALUES ('a', '1'), ('b', '2');
ALTER TABLE secrets ENABLE ROW LEVEL SECURITY; ALTER TABLE secrets FORCE ROW LEVEL SECURITY;
CREATE POLICY own ON secrets USING (owner = current_user) WITH CHECK (value <> '');
CREATE TABLE big AS SELECT i AS id, repeat('x', 100) AS filler FROM generate_series(1, 4000) i;
DELETE FROM big WHERE id % 7 = 0;
ALTER TABLE big ADD PRIMARY KEY (id);
CREATE UNLOGGED TABLE passing (id serial, v text);
INSERT INTO passing (v) SELECT 'v' FROM generate_series(1, 5);
CREATE TABLE toasted (id int, v text COMPRESSION pglz);
INSERT INTO toasted SELECT i, repeat(md5(i::text), 500) FROM generate_series(1, 5) i;
CREATE FUNCTION twice(n int) RETURNS int LANGUAGE sql IMMUTABLE RETURN n * 2;
CREATE FUNCTION pair(OUT a int, OUT b text) LANGUAGE sql BEGIN ATOMIC SELECT 1 AS a, 'x'::text AS b; END;
CREATE PROCEDURE note(INOUT n int) LANGUAGE plpgsql AS $$ BEGIN n := n + 1; END $$;
CREATE FUNCTION touch() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN NEW.took := '1 s'; RETURN NEW; END $$;
CREATE TRIGGER touch BEFORE INSERT ON kinds FOR EACH ROW WHEN (NEW.weight > 5) EXECUTE FUNCTION touch();
CREATE RULE ignored AS ON DELETE TO secrets DO INSTEAD NOTHING;
CREATE VIEW heavy WITH (security_barrier) AS SELECT id, name, twice(weight) AS w FROM kinds WHERE weight > 100;
CREATE MATERIALIZED VIEW per_mood AS SELECT mood, count(*) AS n, sum(price) AS total FROM kinds GROUP BY mood;
CREATE UNIQUE INDEX ON per_mood (mood);
CREATE AGGREGATE product(float8) (SFUNC = float8mul, STYPE = float8, INITCOND = '1');
CREATE OPERATOR <~> (LEFTARG = int, RIGHTARG = int, FUNCTION = int4mi);
CREATE CAST (mood AS int) WITH FUNCTION hashenum(anyenum);
CREATE SEQUENCE counter AS smallint START 5 INCREMENT 3 CYCLE;
SELECT nextval('counter'), nextval('counter');
CREATE SCHEMA "odd ""schema";
CREATE TABLE "odd ""schema"."select" ("from" int NOT NULL DEFAULT 1, CONSTRAINT "a b" UNIQUE ("from"));
COMMENT ON COLUMN kinds.name IS 'it''s a name';
REVOKE ALL ON FUNCTION twice(int) FROM PUBLIC;
GRANT SELECT (id, name) ON kinds TO reader; GRANT USAGE ON SCHEMA "odd ""schema" TO reader;
ALTER DEFAULT PRIVILEGES IN SCHEMA public GRANT SELECT ON TABLES TO reader;
CREATE FUNCTION watch() RETURNS event_trigger LANGUAGE plpgsql AS $$ BEGIN END $$;
CREATE EVENT TRIGGER watching ON ddl_command_end EXECUTE FUNCTION watch();
"""

FROM = {
    15: r"""
CREATE VIEW theirs WITH (security_invoker) AS SELECT * FROM secrets;
CREATE UNLOGGED SEQUENCE fleeting;
SELECT setval('fleeting', 9);
CREATE TABLE one_null (v int, UNIQUE NULLS NOT DISTINCT (v));
INSERT INTO one_null VALUES (NULL), (1);
CREATE TABLE set_some (a int, b int, c int, FOREIGN KEY (a, b) REFERENCES set_some (b, c) ON DELETE SET NULL (a), UNIQUE (b, c));
""",
    16: r"""
CREATE COLLATION ruled (PROVIDER = icu, LOCALE = 'und', RULES = '& b < a');
CREATE TABLE documents (v text CHECK (v IS JSON OBJECT), packed text STORAGE external);
INSERT INTO documents VALUES ('{"a": 1}', 'x');
CREATE VIEW as_json AS SELECT json_object('k': v) AS j, json_array(v, packed) AS a FROM documents;
""",
    17: r"""
CREATE COLLATION plain (PROVIDER = builtin, LOCALE = 'C.UTF-8');
CREATE TABLE numbered (id int GENERATED BY DEFAULT AS IDENTITY, at date) PARTITION BY RANGE (at);
CREATE TABLE numbered_1 PARTITION OF numbered DEFAULT;
INSERT INTO numbered (at) VALUES ('2024-01-01'), ('2024-02-02');
GRANT MAINTAIN ON numbered TO reader;
CREATE VIEW rows_of_json AS SELECT * FROM json_table('[{"a": 1}]'::jsonb, '$[*]' COLUMNS (a int PATH '$.a'));
CREATE FUNCTION merged() RETURNS int LANGUAGE sql BEGIN ATOMIC
    MERGE INTO one_null USING (SELECT 1 AS n) s ON v = n WHEN NOT MATCHED THEN INSERT VALUES (n) RETURNING v; END;
""",
    18: r"""
CREATE EXTENSION btree_gist;
CREATE TABLE newest (
    id int, valid daterange, sum int GENERATED ALWAYS AS (id + 1) VIRTUAL, u uuid DEFAULT uuidv7(),
    CONSTRAINT has_id NOT NULL id, CONSTRAINT wishful CHECK (id > 100) NOT ENFORCED,
    PRIMARY KEY (id, valid WITHOUT OVERLAPS)
);
INSERT INTO newest (id, valid) VALUES (1, '[2024-01-01,2024-02-01)'), (1, '[2024-02-01,2024-03-01)');
CREATE TABLE referring (id int, valid daterange, v int, FOREIGN KEY (id, PERIOD valid) REFERENCES newest (id, PERIOD valid));
INSERT INTO referring VALUES (1, '[2024-01-15,2024-02-15)', NULL);
ALTER TABLE referring ADD CONSTRAINT later NOT NULL v NOT VALID;
CREATE COLLATION fast (PROVIDER = builtin, LOCALE = 'PG_UNICODE_FAST');
""",
}


def statements(major: int) -> str:
    """Return the schema and its rows for a source of a major."""
    return COMMON + "".join(text for since, text in FROM.items() if since <= major)


def rows(server: Server, database: str) -> dict[str, tuple[int, str]]:
    """Return the row count and a checksum of the rows' texts of each table, materialized view and sequence."""
    query = """
        SELECT format('%I.%I', n.nspname, c.relname), CASE relkind WHEN 'S' THEN '(last_value, is_called)' ELSE 't' END
        FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
        WHERE c.relkind IN ('r', 'm', 'S') AND n.nspname !~ '^pg_|^information_schema$|^datareplication$' ORDER BY 1
    """
    checksum = "SELECT %L, count(*), md5(string_agg(({1})::text, E'\\n' ORDER BY ({1})::text COLLATE \"C\")) FROM {0} t"
    found = server.run(query, database=database)
    queries = [checksum.replace("%L", f"$x${name}$x$").format(name, what) for name, what in found]
    results = server.run(" UNION ALL ".join(queries), database=database)
    return {name: (count, text) for name, count, text in results}


def schema(server: Server, database: str, pg_dump: Path) -> list[str]:
    """Return the lines of pg_dump's schema, without lines that a load adds or that differ from run to run."""
    command: list[str | Path] = [pg_dump, "--schema-only", "--exclude-schema=datareplication", "--username=postgres"]
    environment = {**os.environ, "PGPASSWORD": PASSWORD}
    done = subprocess.run(
        [*command, "-d", server.conninfo(database)], env=environment, capture_output=True, text=True, check=True
    )
    text = re.sub(r"(?m)^(\\(un)?restrict .*|-- Dumped .*)$", "", done.stdout)
    # From 16 on the columns of a view with only one table are not qualified.
    return re.sub(r"(?<!\.)\b(kinds|secrets)\.(?=\w)", "", text).splitlines()
