-- One of everything that a database can hold, after values.sql. The order is that of the list in docs/fidelity.md.

\set ON_ERROR_STOP on
SET client_min_messages = warning;
SET check_function_bodies = off;
CREATE SCHEMA shop AUTHORIZATION fidelity_owner;
SET search_path = shop, public;

-- Functions, procedures, aggregates, casts, operators, languages.
CREATE FUNCTION plain(a int DEFAULT 1, VARIADIC b text[] DEFAULT '{}') RETURNS TABLE (n int, t text) LANGUAGE sql STABLE STRICT
    SECURITY DEFINER PARALLEL SAFE COST 5 ROWS 7 SET search_path = '' SET work_mem = '1MB' AS $$ SELECT a, unnest(b) $$;
CREATE FUNCTION standard(a int) RETURNS int IMMUTABLE LANGUAGE sql BEGIN ATOMIC SELECT a + 1; END;
CREATE FUNCTION short(a text) RETURNS text IMMUTABLE LEAKPROOF RETURN a || ';';
CREATE FUNCTION "odd ""name"", %s"(INOUT "x y" int, OUT z kinds.mood) LANGUAGE plpgsql AS $body$ BEGIN z := 'ok'; /* $$ */ END $body$;
CREATE PROCEDURE bump(INOUT n int) LANGUAGE plpgsql AS $$ BEGIN n := n + 1; COMMIT; END $$;
CREATE PROCEDURE atomically(n int) BEGIN ATOMIC SELECT n; END;
CREATE FUNCTION plus(int, int) RETURNS int IMMUTABLE STRICT LANGUAGE internal AS 'int4pl';
CREATE AGGREGATE total(int) (SFUNC = plus, STYPE = int, INITCOND = '0', MSFUNC = plus, MINVFUNC = int4mi, MSTYPE = int, COMBINEFUNC = plus, PARALLEL = safe);
CREATE AGGREGATE middle(float8 ORDER BY anyelement) (SFUNC = ordered_set_transition, STYPE = internal, FINALFUNC = percentile_disc_final, FINALFUNC_EXTRA);
CREATE AGGREGATE my_rank(VARIADIC "any" ORDER BY VARIADIC "any")
    (SFUNC = ordered_set_transition_multi, STYPE = internal, FINALFUNC = rank_final, FINALFUNC_EXTRA, HYPOTHETICAL);
CREATE FUNCTION plother_call() RETURNS language_handler LANGUAGE c AS '$libdir/plpgsql', 'plpgsql_call_handler';
CREATE FUNCTION plother_inline(internal) RETURNS void LANGUAGE c STRICT AS '$libdir/plpgsql', 'plpgsql_inline_handler';
CREATE FUNCTION plother_check(oid) RETURNS void LANGUAGE c STRICT AS '$libdir/plpgsql', 'plpgsql_validator';
CREATE TRUSTED LANGUAGE plother HANDLER plother_call INLINE plother_inline VALIDATOR plother_check;
CREATE TRANSFORM FOR int LANGUAGE sql (FROM SQL WITH FUNCTION prsd_lextype(internal), TO SQL WITH FUNCTION int4recv(internal));
CREATE CONVERSION latin FOR 'LATIN1' TO 'UTF8' FROM iso8859_1_to_utf8;
CREATE FUNCTION pair_text(kinds.inner_pair) RETURNS text IMMUTABLE LANGUAGE sql RETURN ($1).y;
CREATE CAST (kinds.inner_pair AS text) WITH FUNCTION pair_text AS ASSIGNMENT;
CREATE CAST (kinds.mood AS varchar) WITH INOUT AS IMPLICIT;
CREATE CAST (kinds.ticks AS int8) WITHOUT FUNCTION;
CREATE FUNCTION ticks_less(kinds.ticks, kinds.ticks) RETURNS bool IMMUTABLE STRICT LANGUAGE internal AS 'int8lt';
CREATE FUNCTION ticks_more(kinds.ticks, kinds.ticks) RETURNS bool IMMUTABLE STRICT LANGUAGE internal AS 'int8gt';
CREATE FUNCTION ticks_same(kinds.ticks, kinds.ticks) RETURNS bool IMMUTABLE STRICT LANGUAGE internal AS 'int8eq';
CREATE FUNCTION ticks_least(kinds.ticks, kinds.ticks) RETURNS bool IMMUTABLE STRICT LANGUAGE internal AS 'int8le';
CREATE FUNCTION ticks_most(kinds.ticks, kinds.ticks) RETURNS bool IMMUTABLE STRICT LANGUAGE internal AS 'int8ge';
CREATE FUNCTION ticks_compare(kinds.ticks, kinds.ticks) RETURNS int IMMUTABLE STRICT LANGUAGE internal AS 'btint8cmp';
CREATE FUNCTION ticks_hash(kinds.ticks) RETURNS int IMMUTABLE STRICT LANGUAGE internal AS 'hashint8';
CREATE OPERATOR < (LEFTARG = kinds.ticks, RIGHTARG = kinds.ticks, FUNCTION = ticks_less, COMMUTATOR = >, NEGATOR = >=, RESTRICT = scalarltsel, JOIN = scalarltjoinsel);
CREATE OPERATOR > (LEFTARG = kinds.ticks, RIGHTARG = kinds.ticks, FUNCTION = ticks_more, COMMUTATOR = <, NEGATOR = <=);
CREATE OPERATOR = (LEFTARG = kinds.ticks, RIGHTARG = kinds.ticks, FUNCTION = ticks_same, COMMUTATOR = =, HASHES, MERGES);
CREATE OPERATOR <= (LEFTARG = kinds.ticks, RIGHTARG = kinds.ticks, FUNCTION = ticks_least, COMMUTATOR = >=, NEGATOR = >);
CREATE OPERATOR >= (LEFTARG = kinds.ticks, RIGHTARG = kinds.ticks, FUNCTION = ticks_most, COMMUTATOR = <=, NEGATOR = <);
CREATE OPERATOR !@#% (RIGHTARG = text, FUNCTION = short);
CREATE OPERATOR FAMILY numbers USING btree;
CREATE OPERATOR CLASS ticks_order DEFAULT FOR TYPE kinds.ticks USING btree FAMILY numbers
    AS OPERATOR 1 <, OPERATOR 2 <=, OPERATOR 3 =, OPERATOR 4 >=, OPERATOR 5 >, FUNCTION 1 ticks_compare(kinds.ticks, kinds.ticks);
CREATE OPERATOR CLASS ticks_hashed DEFAULT FOR TYPE kinds.ticks USING hash AS OPERATOR 1 =, FUNCTION 1 ticks_hash(kinds.ticks);
CREATE OPERATOR FAMILY loose USING hash;
ALTER OPERATOR FAMILY loose USING hash ADD OPERATOR 1 = (int4, int8), FUNCTION 1 (int4, int4) hashint4(int4);
CREATE ACCESS METHOD pile TYPE TABLE HANDLER heap_tableam_handler;

-- Collations, text search.
CREATE COLLATION plain_c (LOCALE = 'C');
CREATE COLLATION numeric_order (PROVIDER = icu, LOCALE = 'en-u-kn-true');
CREATE COLLATION case_blind (PROVIDER = icu, LOCALE = 'und-u-ks-level2', DETERMINISTIC = false);
CREATE TEXT SEARCH PARSER words (START = prsd_start, GETTOKEN = prsd_nexttoken, END = prsd_end, LEXTYPES = prsd_lextype, HEADLINE = prsd_headline);
CREATE TEXT SEARCH TEMPLATE lowered (INIT = dsimple_init, LEXIZE = dsimple_lexize);
CREATE TEXT SEARCH DICTIONARY few_stops (TEMPLATE = pg_catalog.simple, STOPWORDS = english, ACCEPT = false);
CREATE TEXT SEARCH DICTIONARY "Own ""stem""" (TEMPLATE = snowball, LANGUAGE = german);
CREATE TEXT SEARCH CONFIGURATION german_first (PARSER = words);
ALTER TEXT SEARCH CONFIGURATION german_first ADD MAPPING FOR asciiword, word WITH few_stops, "Own ""stem""", simple;

-- Sequences.
CREATE SEQUENCE free START 100 INCREMENT 7 CACHE 5;
SELECT nextval('free'), nextval('free');
CREATE SEQUENCE never_called START 42;
CREATE SEQUENCE down INCREMENT -3 MINVALUE -100 MAXVALUE -1 START -1 CYCLE;
SELECT setval('down', -100);
CREATE SEQUENCE tiny AS smallint;
SELECT setval('tiny', 32767);
CREATE SEQUENCE at_the_end;
SELECT setval('at_the_end', 9223372036854775807, false);
CREATE UNLOGGED SEQUENCE light;
SELECT nextval('light');
CREATE SEQUENCE "odd ""seq"", \ %s";
SELECT setval('"odd ""seq"", \ %s"', 5);

-- Generated and identity columns, defaults, storage.
CREATE TABLE numbered (
    id int GENERATED ALWAYS AS IDENTITY (START 10 INCREMENT -7 MINVALUE -1000 MAXVALUE 100 CYCLE),
    other bigint GENERATED BY DEFAULT AS IDENTITY,
    loose serial,
    doubled int GENERATED ALWAYS AS (other * 2) STORED,
    label text GENERATED ALWAYS AS (short(shouted)) STORED,
    shouted text DEFAULT upper('default''s "text"'),
    at timestamptz DEFAULT '2000-01-01 00:00:00+00',
    stamp int DEFAULT nextval('free')
);
INSERT INTO numbered (shouted) VALUES ('a'), (NULL), (DEFAULT);
INSERT INTO numbered (id, other, shouted) OVERRIDING SYSTEM VALUE VALUES (99, -5, 'given');
CREATE TABLE only_generated (g int GENERATED ALWAYS AS (1) STORED);
INSERT INTO only_generated DEFAULT VALUES;
CREATE TABLE no_columns ();
INSERT INTO no_columns DEFAULT VALUES; INSERT INTO no_columns DEFAULT VALUES;
CREATE UNLOGGED TABLE unlogged (id int PRIMARY KEY, v text);
INSERT INTO unlogged VALUES (1, 'kept');
CREATE TABLE stored (a text, b text COMPRESSION lz4, c bytea, d numeric, e text COLLATE case_blind, f text COLLATE "C")
    WITH (fillfactor = 70, autovacuum_enabled = false, toast.autovacuum_vacuum_threshold = 17, parallel_workers = 3, toast_tuple_target = 256);
ALTER TABLE stored ALTER a SET STORAGE EXTERNAL, ALTER c SET STORAGE MAIN, ALTER d SET STORAGE PLAIN, ALTER a SET STATISTICS 500, ALTER a SET (n_distinct = -0.5, n_distinct_inherited = 7);
INSERT INTO stored VALUES (repeat('a', 5000), repeat('b', 50000), '\x00', 1.10, 'Ä', 'ä');
CREATE TABLE in_a_pile (id int, v text) USING pile;
INSERT INTO in_a_pile VALUES (1, 'here');
CREATE TABLE changed (a int, b int, c int DEFAULT 5, d text);
INSERT INTO changed VALUES (1, 2, 3, 'four');
ALTER TABLE changed DROP COLUMN b;
ALTER TABLE changed ADD COLUMN e text DEFAULT 'missing value';
CREATE TYPE row_type AS (id int, v text);
CREATE TABLE typed OF row_type (PRIMARY KEY (id), v WITH OPTIONS DEFAULT 'x' NOT NULL);
INSERT INTO typed VALUES (1, DEFAULT);

-- Partitions and inheritance.
CREATE TABLE events (id bigint NOT NULL, at timestamptz NOT NULL, region text, body jsonb) PARTITION BY RANGE (at);
CREATE TABLE events_old (region text, gone int, body jsonb, at timestamptz NOT NULL, id bigint NOT NULL);
ALTER TABLE events_old DROP COLUMN gone;
ALTER TABLE events ATTACH PARTITION events_old FOR VALUES FROM (MINVALUE) TO ('2020-01-01Z');
CREATE TABLE events_new PARTITION OF events FOR VALUES FROM ('2020-01-01Z') TO (MAXVALUE) PARTITION BY LIST (region);
CREATE TABLE events_new_eu PARTITION OF events_new (CHECK (id > 0)) FOR VALUES IN ('eu', 'it''s', NULL) WITH (fillfactor = 50);
CREATE TABLE events_new_rest PARTITION OF events_new DEFAULT PARTITION BY HASH (id, region);
CREATE TABLE events_new_rest_0 PARTITION OF events_new_rest FOR VALUES WITH (MODULUS 2, REMAINDER 0);
CREATE UNLOGGED TABLE events_new_rest_1 PARTITION OF events_new_rest FOR VALUES WITH (MODULUS 4, REMAINDER 1);
CREATE TABLE events_new_rest_3 PARTITION OF events_new_rest FOR VALUES WITH (MODULUS 4, REMAINDER 3);
INSERT INTO events SELECT i, timestamptz '2019-12-30Z' + i * interval '6 hours', (ARRAY['eu', 'us', 'asia', NULL])[1 + i % 4], jsonb_build_object('i', i)
    FROM generate_series(1, 40) i;
CREATE INDEX events_by_region ON events (region) INCLUDE (id);
CREATE INDEX only_the_parents ON ONLY events (body);
CREATE INDEX of_one_partition ON events_old (body);
ALTER INDEX only_the_parents ATTACH PARTITION of_one_partition;
CREATE TABLE by_expression (a text, b int) PARTITION BY RANGE (lower(a) COLLATE "C", b);
CREATE TABLE by_expression_1 PARTITION OF by_expression FOR VALUES FROM (MINVALUE, MINVALUE) TO ('m', 5);
CREATE TABLE without_partitions (a int) PARTITION BY LIST (a);
INSERT INTO by_expression VALUES ('A', 1);
CREATE TABLE alone_again PARTITION OF without_partitions FOR VALUES IN (1);
INSERT INTO alone_again VALUES (1);
ALTER TABLE without_partitions DETACH PARTITION alone_again;
CREATE TABLE mother (id int PRIMARY KEY, v text DEFAULT 'mother', CHECK (id > 0) NO INHERIT);
CREATE TABLE father (id int, age int NOT NULL, g int GENERATED ALWAYS AS (age + 1) STORED);
CREATE TABLE child (v text DEFAULT 'child' NOT NULL, extra int) INHERITS (mother, father);
CREATE TABLE grandchild () INHERITS (child);
INSERT INTO mother VALUES (1); INSERT INTO father VALUES (2, 20); INSERT INTO child VALUES (-3, DEFAULT, 30); INSERT INTO grandchild VALUES (4, 'g', 40);

-- Constraints and indexes.
CREATE TABLE parents (id int PRIMARY KEY, a int, b int, boss int REFERENCES parents DEFERRABLE INITIALLY DEFERRED, UNIQUE (b, a) DEFERRABLE);
CREATE TABLE kids (id int PRIMARY KEY, a int, b int, parent int REFERENCES parents ON DELETE CASCADE ON UPDATE SET DEFAULT,
    uncle int REFERENCES parents MATCH FULL NOT DEFERRABLE);
CREATE UNIQUE INDEX parents_a_b ON parents (a, b);
ALTER TABLE kids ADD CONSTRAINT "kids' ""own"" key" FOREIGN KEY (a, b) REFERENCES parents (a, b) ON DELETE SET NULL (b);
ALTER TABLE parents ADD first_kid int REFERENCES kids DEFERRABLE;
INSERT INTO parents VALUES (1, 1, 1, 2), (2, 2, 2, 1); INSERT INTO kids VALUES (1, 1, 1, 2); UPDATE parents SET first_kid = 1;
INSERT INTO kids VALUES (2, NULL, NULL, NULL);
CREATE TABLE lax (id int, parent int, v int);
INSERT INTO lax VALUES (1, 4242, -1);
ALTER TABLE lax ADD CONSTRAINT not_checked FOREIGN KEY (parent) REFERENCES parents NOT VALID, ADD CONSTRAINT not_checked_either CHECK (v > 0) NOT VALID;
CREATE TABLE days (day date, id int, PRIMARY KEY (day, id)) PARTITION BY RANGE (day);
CREATE TABLE days_1 PARTITION OF days FOR VALUES FROM (MINVALUE) TO (MAXVALUE);
INSERT INTO days VALUES ('2020-01-01', 1);
CREATE TABLE to_days (day date, id int, FOREIGN KEY (day, id) REFERENCES days) PARTITION BY LIST (id);
CREATE TABLE to_days_1 PARTITION OF to_days DEFAULT;
INSERT INTO to_days SELECT * FROM days;
CREATE TABLE booked (room int, during tstzrange, is_open bool, CONSTRAINT no_overlap EXCLUDE USING gist
    (room extensions.gist_int4_ops WITH =, during WITH &&) INCLUDE (is_open) WHERE (is_open) DEFERRABLE);
INSERT INTO booked VALUES (1, '[2020-01-01,2020-01-02)', true), (1, '[2020-01-01,2020-01-02)', false);
CREATE TABLE indexed (id int NOT NULL, a text, b text, c jsonb, d int[], e point, f tsvector, g inet, h int4range, i int, j kinds.ticks, k extensions.ltree);
INSERT INTO indexed SELECT i, md5(i::text), i::text, jsonb_build_object('k', i), ARRAY[i, i + 1], point(i, -i), to_tsvector('simple', md5(i::text)),
    '10.0.0.1'::inet + i, int4range(i, i + 5), i, i::text::kinds.ticks, 'a.b' FROM generate_series(1, 50) i;
CREATE UNIQUE INDEX indexed_id ON indexed (id) INCLUDE (a) WITH (fillfactor = 60, deduplicate_items = off);
ALTER TABLE indexed ADD CONSTRAINT indexed_key PRIMARY KEY USING INDEX indexed_id;
CREATE UNIQUE INDEX no_two_nulls ON indexed (b) NULLS NOT DISTINCT;
CREATE INDEX partly ON indexed (a DESC NULLS LAST, b COLLATE "C" text_pattern_ops) WHERE i > 3 AND a <> 'it''s';
CREATE INDEX by_lower ON indexed (lower(a), (i * 2), i);
ALTER INDEX by_lower ALTER COLUMN 2 SET STATISTICS 300;
CREATE INDEX by_gin ON indexed USING gin (c jsonb_path_ops) WITH (fastupdate = off, gin_pending_list_limit = 128);
CREATE INDEX by_gin_ints ON indexed USING gin (d extensions.gin__int_ops);
CREATE INDEX by_trigrams ON indexed USING gist (a extensions.gist_trgm_ops (siglen = 32));
CREATE INDEX by_gist ON indexed USING gist (e, h) WITH (buffering = off);
CREATE INDEX by_ltree ON indexed USING gist (k extensions.gist_ltree_ops (siglen = 100));
CREATE INDEX by_words ON indexed USING gist (f);
CREATE INDEX by_spgist ON indexed USING spgist (g inet_ops);
CREATE INDEX by_brin ON indexed USING brin (i int4_minmax_multi_ops (values_per_range = 16)) WITH (pages_per_range = 4, autosummarize = on);
CREATE INDEX by_hash ON indexed USING hash (a);
CREATE INDEX by_bloom ON indexed USING bloom (i, a) WITH (length = 96, col1 = 3);
CREATE INDEX by_own_class ON indexed (j ticks_order);
CREATE INDEX by_own_collation ON indexed (b COLLATE numeric_order);
CREATE STATISTICS of_both ON i, a FROM indexed;
CREATE STATISTICS some_kinds (ndistinct, mcv) ON a, b, (i % 3) FROM indexed;
ALTER STATISTICS some_kinds SET STATISTICS 77;
ALTER TABLE indexed CLUSTER ON indexed_key;
ALTER TABLE indexed REPLICA IDENTITY USING INDEX indexed_key;
ALTER TABLE stored REPLICA IDENTITY FULL;
ALTER TABLE changed REPLICA IDENTITY NOTHING;

-- Views, rules, materialized views.
CREATE VIEW watched WITH (security_barrier) AS SELECT id, a FROM indexed WHERE i > 1 WITH CASCADED CHECK OPTION;
CREATE VIEW invoked WITH (security_invoker, check_option = local) AS SELECT * FROM watched;
ALTER VIEW watched ALTER a SET DEFAULT 'of the view';
CREATE VIEW grouped AS SELECT id, a, count(*) OVER w FROM indexed GROUP BY id WINDOW w AS (ORDER BY id ROWS 2 PRECEDING EXCLUDE TIES);
CREATE RECURSIVE VIEW counting (n) AS VALUES (1) UNION ALL SELECT n + 1 FROM counting WHERE n < 3;
CREATE VIEW first_half AS SELECT 1 AS n;
CREATE VIEW second_half AS SELECT n FROM first_half;
CREATE OR REPLACE VIEW first_half AS SELECT n FROM second_half WHERE n < 0 UNION ALL SELECT 1;
CREATE RULE instead AS ON INSERT TO grouped DO INSTEAD INSERT INTO changed (a) VALUES (new.id) RETURNING a, d, 0::bigint;
CREATE RULE also AS ON UPDATE TO changed WHERE new.a <> old.a DO ALSO (DELETE FROM lax WHERE id < 0; UPDATE lax SET v = old.a WHERE id < 0);
CREATE RULE "off, ""quoted""" AS ON DELETE TO changed DO INSTEAD NOTHING;
ALTER TABLE changed DISABLE RULE "off, ""quoted""";
CREATE MATERIALIZED VIEW z_base WITH (fillfactor = 90) AS SELECT id, a FROM indexed;
CREATE UNIQUE INDEX ON z_base (id);
CREATE INDEX z_base_by_a ON z_base (lower(a));
ALTER MATERIALIZED VIEW z_base CLUSTER ON z_base_by_a;
CREATE VIEW y_between AS SELECT count(*) AS n FROM z_base;
CREATE MATERIALIZED VIEW a_on_top AS SELECT n + 1 AS n FROM y_between;
CREATE FUNCTION of_base() RETURNS bigint STABLE LANGUAGE sql BEGIN ATOMIC SELECT count(*) FROM z_base; END;
CREATE MATERIALIZED VIEW a_through_a_function AS SELECT of_base() AS n;
CREATE MATERIALIZED VIEW never_filled AS SELECT id FROM z_base WITH NO DATA;
CREATE INDEX ON never_filled (id);

-- Triggers.
CREATE FUNCTION noted() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN INSERT INTO shop.lax VALUES (0, 0, 0); RETURN NULL; END $$;
CREATE TRIGGER row_by_row AFTER INSERT OR UPDATE OF a, d ON changed FOR EACH ROW WHEN (new.a IS NOT NULL) EXECUTE FUNCTION noted('it''s', '\x');
CREATE TRIGGER with_tables AFTER UPDATE ON changed REFERENCING OLD TABLE AS "old rows" NEW TABLE AS new_rows FOR EACH STATEMENT EXECUTE FUNCTION noted();
CREATE CONSTRAINT TRIGGER deferred AFTER INSERT ON changed FROM parents DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION noted();
CREATE TRIGGER on_truncate BEFORE TRUNCATE ON changed EXECUTE FUNCTION noted();
CREATE TRIGGER instead_of INSTEAD OF INSERT ON invoked FOR EACH ROW EXECUTE FUNCTION noted();
CREATE TRIGGER "off" BEFORE DELETE ON changed FOR EACH ROW EXECUTE FUNCTION noted();
CREATE TRIGGER always AFTER INSERT ON changed FOR EACH ROW EXECUTE FUNCTION noted();
CREATE TRIGGER on_replicas AFTER INSERT ON changed FOR EACH ROW EXECUTE FUNCTION noted();
ALTER TABLE changed DISABLE TRIGGER "off", ENABLE ALWAYS TRIGGER always, ENABLE REPLICA TRIGGER on_replicas;
CREATE TRIGGER of_all_partitions AFTER INSERT ON events FOR EACH ROW EXECUTE FUNCTION noted();
ALTER TABLE events_old DISABLE TRIGGER of_all_partitions;

-- Row-level security.
CREATE TABLE secret (id int, owner name);
INSERT INTO secret VALUES (1, 'nobody');
ALTER TABLE secret ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
CREATE POLICY nobody ON secret USING (false);
CREATE POLICY "mine, ""only""" ON secret AS RESTRICTIVE FOR UPDATE TO fidelity_reader, fidelity_owner USING (owner = current_user) WITH CHECK (id > 0);
CREATE POLICY add_to ON secret FOR INSERT TO PUBLIC WITH CHECK (owner IS NOT NULL);

-- Foreign data.
CREATE EXTENSION postgres_fdw;
CREATE EXTENSION file_fdw;
CREATE FUNCTION nothing_valid(text[], oid) RETURNS void LANGUAGE plpgsql AS $$ BEGIN END $$;
CREATE FOREIGN DATA WRAPPER dummy VALIDATOR nothing_valid OPTIONS (debug 'it''s', "odd ""key""" 'x');
CREATE SERVER far TYPE 'kind' VERSION '1.0' FOREIGN DATA WRAPPER postgres_fdw OPTIONS (host 'far.example', port '5432', dbname 'app');
CREATE SERVER files FOREIGN DATA WRAPPER file_fdw;
CREATE SERVER "odd ""server""" FOREIGN DATA WRAPPER dummy;
CREATE USER MAPPING FOR PUBLIC SERVER far OPTIONS (user 'anyone', password_required 'false');
CREATE USER MAPPING FOR fidelity_owner SERVER far OPTIONS (user 'owner', password 'known''s');
CREATE FOREIGN TABLE far_away (id int OPTIONS (column_name 'key') NOT NULL, v text COLLATE "C" DEFAULT 'x', CHECK (id > 0)) SERVER far OPTIONS (schema_name 's', table_name 't');
CREATE FOREIGN TABLE far_part PARTITION OF by_expression FOR VALUES FROM ('m', 5) TO ('z', 5) SERVER far;
CREATE FOREIGN TABLE in_a_file (line text) SERVER files OPTIONS (filename '/nowhere', format 'csv');

-- Names.
CREATE SCHEMA "sch.ema ""with"" 'quotes' %s \n";
CREATE TABLE "sch.ema ""with"" 'quotes' %s \n"."../%s {} ; \\ table
name	 " ("select" text, "a ""b"", %s" int, "\" int, "
" int, "." int, "ünï 🚚" int, "tableoid " int);
INSERT INTO "sch.ema ""with"" 'quotes' %s \n"."../%s {} ; \\ table
name	 " VALUES ('x', 1, 2, 3, 4, 5, 6);
DO $$ BEGIN
    EXECUTE format('CREATE TABLE %I.%I (%I int PRIMARY KEY, %I text)', 'shop', repeat('é', 31) || 'x', repeat('c', 63), repeat('🚚', 15));
    EXECUTE format('INSERT INTO %I.%I VALUES (1, NULL)', 'shop', repeat('é', 31) || 'x');
END $$;
CREATE TABLE "UPPER" (id int); CREATE TABLE upper (id int); CREATE TABLE "table" ("user" int); CREATE TABLE "-- comment" (id int); CREATE TABLE " " (" " int);
INSERT INTO "UPPER" VALUES (1); INSERT INTO upper VALUES (2); INSERT INTO "table" VALUES (3); INSERT INTO "-- comment" VALUES (4); INSERT INTO " " VALUES (5);

-- Comments.
COMMENT ON SCHEMA shop IS E'the schema''s "comment"\nin two lines \\ %s';
COMMENT ON TABLE changed IS 'a table';
COMMENT ON COLUMN changed.a IS 'a column';
COMMENT ON COLUMN "sch.ema ""with"" 'quotes' %s \n"."../%s {} ; \\ table
name	 "."a ""b"", %s" IS 'of an odd column';
COMMENT ON CONSTRAINT not_checked ON lax IS 'a constraint';
COMMENT ON CONSTRAINT "is > 0" ON DOMAIN kinds.positive IS 'a constraint of a domain';
COMMENT ON DOMAIN kinds.even IS 'a domain';
COMMENT ON TYPE kinds.mood IS 'an enum';
COMMENT ON TYPE kinds.mood_ranges IS 'a multirange';
COMMENT ON COLUMN kinds.inner_pair.y IS 'an attribute';
COMMENT ON INDEX partly IS 'an index';
COMMENT ON SEQUENCE free IS 'a sequence';
COMMENT ON VIEW watched IS 'a view';
COMMENT ON COLUMN watched.a IS 'a column of a view';
COMMENT ON MATERIALIZED VIEW z_base IS 'a materialized view';
COMMENT ON FUNCTION plain IS 'a function';
COMMENT ON PROCEDURE bump IS 'a procedure';
COMMENT ON AGGREGATE total(int) IS 'an aggregate';
COMMENT ON OPERATOR !@#% (NONE, text) IS 'an operator';
COMMENT ON OPERATOR CLASS ticks_order USING btree IS 'an operator class';
COMMENT ON OPERATOR FAMILY numbers USING btree IS 'an operator family';
COMMENT ON CAST (kinds.ticks AS int8) IS 'a cast';
COMMENT ON COLLATION case_blind IS 'a collation';
COMMENT ON CONVERSION latin IS 'a conversion';
COMMENT ON LANGUAGE plother IS 'a language';
COMMENT ON TRANSFORM FOR int LANGUAGE sql IS 'a transform';
COMMENT ON ACCESS METHOD pile IS 'an access method';
COMMENT ON STATISTICS of_both IS 'a statistics object';
COMMENT ON TEXT SEARCH CONFIGURATION german_first IS 'a configuration';
COMMENT ON TEXT SEARCH DICTIONARY few_stops IS 'a dictionary';
COMMENT ON TEXT SEARCH PARSER words IS 'a parser';
COMMENT ON TEXT SEARCH TEMPLATE lowered IS 'a template';
COMMENT ON RULE also ON changed IS 'a rule';
COMMENT ON TRIGGER always ON changed IS 'a trigger';
COMMENT ON POLICY nobody ON secret IS 'a policy';
COMMENT ON FOREIGN DATA WRAPPER dummy IS 'a wrapper';
COMMENT ON SERVER far IS 'a server';
COMMENT ON FOREIGN TABLE far_away IS 'a foreign table';
COMMENT ON COLUMN far_away.id IS 'a column of a foreign table';

-- Owners and grants.
ALTER TABLE changed OWNER TO fidelity_owner;
ALTER TABLE parents OWNER TO "fidelity ""odd""
%s \ rôle";
ALTER VIEW watched OWNER TO fidelity_owner;
ALTER MATERIALIZED VIEW z_base OWNER TO fidelity_owner;
GRANT SELECT ON indexed TO fidelity_owner;
ALTER SEQUENCE free OWNER TO fidelity_owner;
ALTER FUNCTION standard OWNER TO fidelity_owner;
ALTER TYPE kinds.mood OWNER TO fidelity_owner;
ALTER DOMAIN kinds.even OWNER TO fidelity_owner;
ALTER FOREIGN TABLE in_a_file OWNER TO fidelity_owner;
ALTER SERVER files OWNER TO fidelity_owner;
ALTER TEXT SEARCH DICTIONARY few_stops OWNER TO fidelity_owner;
ALTER STATISTICS of_both OWNER TO fidelity_owner;
ALTER COLLATION plain_c OWNER TO fidelity_owner;
GRANT USAGE ON SCHEMA shop TO PUBLIC, fidelity_reader;
GRANT CREATE ON SCHEMA shop TO fidelity_reader WITH GRANT OPTION;
GRANT SELECT, INSERT (a, d), UPDATE (a) ON changed TO fidelity_reader WITH GRANT OPTION;
SET ROLE fidelity_reader;
GRANT SELECT, UPDATE (a) ON changed TO "fidelity ""odd""
%s \ rôle";
RESET ROLE;
GRANT ALL ON lax TO PUBLIC;
REVOKE ALL ON stored FROM postgres;
GRANT SELECT (id) ON secret TO PUBLIC;
GRANT USAGE, UPDATE ON SEQUENCE free, tiny TO fidelity_reader;
REVOKE EXECUTE ON FUNCTION plain FROM PUBLIC;
GRANT EXECUTE ON FUNCTION plain TO fidelity_reader;
REVOKE EXECUTE ON PROCEDURE bump FROM PUBLIC;
REVOKE USAGE ON TYPE kinds.mood FROM PUBLIC;
GRANT USAGE ON TYPE kinds.mood TO fidelity_reader;
GRANT USAGE ON LANGUAGE plother TO fidelity_reader;
GRANT USAGE ON FOREIGN DATA WRAPPER dummy TO fidelity_owner WITH GRANT OPTION;
GRANT USAGE ON FOREIGN SERVER far TO fidelity_reader;
GRANT SELECT ON far_away TO fidelity_reader;
REVOKE EXECUTE ON FUNCTION extensions.hstore(text, text) FROM PUBLIC;
GRANT SELECT ON pg_catalog.pg_authid TO fidelity_reader;
REVOKE EXECUTE ON FUNCTION pg_catalog.pg_sleep(float8) FROM PUBLIC;
REVOKE CREATE ON SCHEMA public FROM pg_database_owner;
GRANT CREATE ON SCHEMA public TO fidelity_reader;
ALTER DEFAULT PRIVILEGES FOR ROLE fidelity_owner IN SCHEMA shop GRANT SELECT ON TABLES TO fidelity_reader WITH GRANT OPTION;
ALTER DEFAULT PRIVILEGES FOR ROLE fidelity_owner REVOKE EXECUTE ON FUNCTIONS FROM PUBLIC;
ALTER DEFAULT PRIVILEGES GRANT USAGE ON SEQUENCES TO fidelity_reader;
ALTER DEFAULT PRIVILEGES GRANT CREATE ON SCHEMAS TO fidelity_owner;
ALTER DEFAULT PRIVILEGES IN SCHEMA kinds GRANT USAGE ON TYPES TO fidelity_reader;

ANALYZE indexed;

-- Event triggers, last: they see what comes after.
CREATE FUNCTION look() RETURNS event_trigger LANGUAGE plpgsql AS $$ BEGIN RAISE 'nothing may change here any more'; END $$;
CREATE FUNCTION only_look() RETURNS event_trigger LANGUAGE plpgsql AS $$ BEGIN NULL; END $$;
CREATE EVENT TRIGGER for_all ON ddl_command_end EXECUTE FUNCTION only_look();
CREATE EVENT TRIGGER on_replicas ON ddl_command_start EXECUTE FUNCTION only_look();
CREATE EVENT TRIGGER disabled ON sql_drop WHEN TAG IN ('DROP TABLE', 'ALTER TABLE') EXECUTE FUNCTION look();
CREATE EVENT TRIGGER always ON table_rewrite EXECUTE FUNCTION look();
ALTER EVENT TRIGGER disabled DISABLE;
ALTER EVENT TRIGGER on_replicas ENABLE REPLICA;
ALTER EVENT TRIGGER always ENABLE ALWAYS;
COMMENT ON EVENT TRIGGER disabled IS 'an event trigger';
CREATE EVENT TRIGGER frozen ON ddl_command_start EXECUTE FUNCTION look();
