-- Every type that a column of PostgreSQL's own can have: table every_type has a column of each, table every_array one of
-- arrays of each. A row here is a value; a type whose values cannot be written as text has only NULL.

\set ON_ERROR_STOP on
SET client_min_messages = warning;
CREATE SCHEMA kinds;
SET search_path = kinds, public;

CREATE TEMPORARY TABLE given (number serial, kind regtype, value text);
INSERT INTO given (kind, value) VALUES
    ('bool', 't'), ('bool', 'f'),
    ('bytea', ''), ('bytea', '\x00ff0a0d225c2c'), ('bytea', '\x5c4e'),
    ('"char"', ''), ('"char"', 'x'), ('"char"', '\377'), ('"char"', '"'), ('"char"', E'\n'),
    ('name', ''), ('name', repeat('n', 63)), ('name', E'"\\\n,'),
    ('text', ''), ('text', ' '), ('text', '\N'), ('text', '\.'), ('text', E'a\n\\.\nb\r\n'), ('text', '"'), ('text', '""'),
    ('text', ','), ('text', 'NULL'), ('text', U&'\0065\0301 \+01F69A \FEFF'), ('text', repeat('long ', 5000)), ('text', E'\u0001\t'),
    ('varchar', ''), ('varchar', ' trailing '), ('bpchar', 'c'), ('bpchar', 'é'),
    ('int2', '-32768'), ('int2', '32767'), ('int4', '-2147483648'), ('int4', '2147483647'), ('int4', '0'),
    ('int8', '-9223372036854775808'), ('int8', '9223372036854775807'),
    ('float4', 'NaN'), ('float4', 'Infinity'), ('float4', '-Infinity'), ('float4', '-0'), ('float4', '3.4028235e38'),
    ('float4', '1e-45'), ('float4', '0.1'),
    ('float8', 'NaN'), ('float8', 'Infinity'), ('float8', '-Infinity'), ('float8', '-0'), ('float8', '1.7976931348623157e308'),
    ('float8', '5e-324'), ('float8', '0.1'), ('float8', '0.30000000000000004'),
    ('numeric', 'NaN'), ('numeric', 'Infinity'), ('numeric', '-Infinity'), ('numeric', '0.000'), ('numeric', '-0.0'),
    ('numeric', '1e131071'), ('numeric', '1e-16383'), ('numeric', '1.10'),
    ('money', '-92233720368547758.08'), ('money', '92233720368547758.07'), ('money', '0'),
    ('date', 'infinity'), ('date', '-infinity'), ('date', '4713-01-01 BC'), ('date', '5874897-12-31'), ('date', '2000-02-29'),
    ('date', '0001-01-01'),
    ('time', '00:00'), ('time', '24:00'), ('time', '23:59:59.999999'),
    ('timetz', '00:00+15:59:59'), ('timetz', '24:00-15:59:59'), ('timetz', '12:00:00.000001+00'),
    ('timestamp', 'infinity'), ('timestamp', '-infinity'), ('timestamp', '4713-01-01 00:00:00 BC'),
    ('timestamp', '294276-12-31 23:59:59.999999'), ('timestamp', '0001-12-31 23:59:59.5 BC'),
    ('timestamptz', 'infinity'), ('timestamptz', '-infinity'), ('timestamptz', '4713-01-01 00:00:00+00 BC'),
    ('timestamptz', '294276-12-31 23:59:59.999999+00'), ('timestamptz', '2024-10-27 02:30:00+02'),
    ('timestamptz', '2024-10-27 02:30:00+01'), ('timestamptz', '1850-01-01 00:00:00+00:34:08'),
    ('interval', '0'), ('interval', '178000000 years'), ('interval', '-178000000 years'), ('interval', '1 mon -1 day +00:00:00.000001'),
    ('interval', '-1 mon +30 days -23:59:59'), ('interval', '2147483647 days'), ('interval', '2562047788:00:54.775807'),
    ('uuid', '00000000-0000-0000-0000-000000000000'), ('uuid', 'ffffffff-ffff-ffff-ffff-ffffffffffff'),
    ('json', E'{"a": 1,\n  "a" :  2, "": null, "\\u0000x": "\\ud83d\\ude9a"}'), ('json', ' [ ] '), ('json', '"\n"'), ('json', '1E400'),
    ('jsonb', '{"b": 1, "a": {"": []}, "a": "last"}'), ('jsonb', '[1.10, 1e30, -0.0, null, true]'), ('jsonb', '"\"\\\n,"'), ('jsonb', 'null'),
    ('jsonpath', '$'), ('jsonpath', 'strict $."a b"[*] ? (@ > 1.5 && @ like_regex "^x" flag "i")'),
    ('xml', ''), ('xml', 'only text &amp; <b>two</b><c/>'), ('xml', '<?xml version="1.0"?><!DOCTYPE a [<!ENTITY e "x">]><a>&e;</a>'),
    ('xml', E'<a b="1">\n <![CDATA[<raw>]]> <!-- note --></a>'),
    ('tsvector', ''), ('tsvector', $$'a b':1A,2B 'it''s':3 'plain' '\\':16383D$$),
    ('tsquery', ''), ('tsquery', $$'a b':*AB & !( 'c' <-> 'd' | 'e' <3> 'f' )$$),
    ('point', '(NaN,Infinity)'), ('point', '(-0,1e-300)'), ('line', '{1,-1,0.1}'), ('lseg', '[(0,0),(1e300,-1)]'),
    ('box', '(1,1),(-0,0)'), ('path', '[(0,0),(1,1),(2,0)]'), ('path', '((0,0),(1,1))'), ('polygon', '((0,0),(0,1),(1,0))'),
    ('circle', '<(1,2),0>'), ('circle', '<(0,0),Infinity>'),
    ('inet', '::/0'), ('inet', '10.1.2.3/8'), ('inet', '::ffff:1.2.3.4'), ('cidr', '0.0.0.0/0'), ('cidr', '2001:db8::/32'),
    ('macaddr', '00:00:00:00:00:00'), ('macaddr8', 'ff:ff:ff:ff:ff:ff:ff:ff'),
    ('bit', '1'), ('bit', '0'), ('varbit', ''), ('varbit', '101010101'),
    ('int2vector', ''), ('int2vector', '-1 2 3'), ('oidvector', ''), ('oidvector', '1 4294967295'),
    ('oid', '0'), ('oid', '4294967295'), ('tid', '(0,0)'), ('tid', '(4294967295,65535)'), ('xid', '4294967295'),
    ('xid8', '18446744073709551615'), ('cid', '4294967295'),
    ('regclass', '-'), ('regclass', 'pg_class'), ('regclass', 'information_schema.tables'), ('regcollation', 'pg_catalog."C"'),
    ('regconfig', 'english'), ('regdictionary', 'simple'), ('regnamespace', 'pg_catalog'), ('regoper', '!!'), ('regoper', '0'),
    ('regoperator', '+(integer,integer)'), ('regproc', 'now'), ('regprocedure', 'abs(numeric)'), ('regrole', 'fidelity_owner'),
    ('regrole', '-'), ('regtype', 'timestamptz'), ('regtype', 'int4[]'), ('regtype', '-'),
    ('aclitem', '=r/postgres'), ('aclitem', 'fidelity_reader=r*w/fidelity_owner'), ('refcursor', ''), ('refcursor', '<unnamed portal 1>'),
    ('pg_lsn', '0/0'), ('pg_lsn', 'FFFFFFFF/FFFFFFFF'), ('pg_snapshot', '10:20:10,14,15'), ('txid_snapshot', '10:10:'),
    ('int4range', 'empty'), ('int4range', '(,)'), ('int4range', '[-2147483648,2147483647)'),
    ('int8range', '[1,2)'), ('int8range', '(,-9223372036854775808)'),
    ('numrange', '(NaN,)'), ('numrange', '[-Infinity,1.10]'), ('daterange', '[infinity,]'), ('daterange', '[2000-01-01,2000-02-01)'),
    ('tsrange', '["2000-01-01 00:00:00",infinity)'), ('tsrange', '(,"0001-01-01 00:00:00 BC"]'), ('tstzrange', '[-infinity,infinity]'),
    ('int4multirange', '{}'), ('int4multirange', '{(,1),[3,4),[10,)}'), ('int8multirange', '{[1,2)}'),
    ('nummultirange', '{[1.0,2.50),(3,NaN]}'), ('datemultirange', '{[2000-01-01,2000-02-01)}'),
    ('tsmultirange', '{["2000-01-01 00:00:00","2001-01-01 00:00:00"]}'), ('tstzmultirange', '{(,)}'),
    ('gtsvector', NULL), ('pg_node_tree', NULL), ('pg_ndistinct', NULL), ('pg_dependencies', NULL), ('pg_mcv_list', NULL),
    ('pg_brin_bloom_summary', NULL), ('pg_brin_minmax_multi_summary', NULL);

-- Row n of every_type holds each type's value number n; the last rows are NULL throughout.
CREATE TABLE every_type (number int);
INSERT INTO every_type SELECT generate_series(1, 30);
CREATE TABLE every_array (number int);
INSERT INTO every_array SELECT generate_series(1, 5);

DO $$
DECLARE
    wanted regtype;
    lone text;
    name text;
    one text;
    n int;
BEGIN
    FOR wanted, lone, name IN SELECT oid, format_type(oid, -1), typname FROM pg_type WHERE oid IN (SELECT g.kind FROM given g) ORDER BY 3 LOOP
        EXECUTE format('ALTER TABLE every_type ADD COLUMN %I %s', name, lone);
        n := 0;
        FOR one IN SELECT g.value FROM given g WHERE g.kind = wanted AND g.value IS NOT NULL ORDER BY g.number LOOP
            n := n + 1;
            EXECUTE format('UPDATE every_type SET %I = %L WHERE number = %s', name, one, n);
        END LOOP;
        CONTINUE WHEN NOT EXISTS (SELECT FROM pg_type WHERE oid = wanted AND typarray <> 0);
        EXECUTE format('ALTER TABLE every_array ADD COLUMN %I %s[]', name, lone);
        EXECUTE format('UPDATE every_array SET %I = ''{}'' WHERE number = 1', name);
        EXECUTE format('UPDATE every_array SET %I = ''{NULL}'' WHERE number = 2', name);
        EXECUTE format('UPDATE every_array SET %1$I = ARRAY(SELECT %1$I FROM every_type WHERE %1$I IS NOT NULL ORDER BY number)'
                       ' WHERE number = 3', name);
        CONTINUE WHEN name IN ('int2vector', 'oidvector');
        EXECUTE format('UPDATE every_array SET %1$I = array_fill((SELECT %1$I FROM every_type WHERE number = 1), ARRAY[2, 1, 2],'
                       ' ARRAY[-1, 0, 2147483000]) WHERE number = 4', name);
    END LOOP;
END $$;
VACUUM FULL every_type, every_array;

-- Types with a modifier.
CREATE TABLE with_modifier (
    a char(5), b varchar(3), c numeric(5, 2), d numeric(3, -2), e numeric(2, 5), f bit(3), g bit varying(5), h time(0), i timestamp(3),
    j timestamptz(0), k interval year to month, l interval second(2), m interval day to second(0), n char(2)[], o numeric(4, 1)[3][3]
);
INSERT INTO with_modifier VALUES
    ('ab', '   ', 1.005, 12345, 0.00012, '101', '1', '12:00:00.5', '2000-01-01 00:00:00.1234', '2000-01-01 00:00:00.5+00', '1 year 3 months',
     '1.005', '1 day 2:03', '{a,NULL," "}', '[2:2][0:1]={{1.25,NaN}}');
INSERT INTO with_modifier DEFAULT VALUES;

-- Types that users make.
CREATE TYPE mood AS ENUM ('sad', 'ok', '', ' ', 'it''s "odd", \ %s', U&'\+01F69A');
ALTER TYPE mood ADD VALUE 'between' BEFORE 'ok';
CREATE DOMAIN positive AS int DEFAULT 1 NOT NULL CONSTRAINT "is > 0" CHECK (VALUE > 0);
CREATE DOMAIN even AS positive CHECK (VALUE % 2 = 0);
CREATE DOMAIN tags AS text[] CHECK (array_ndims(VALUE) = 1);
CREATE DOMAIN shouting AS text COLLATE "C" CHECK (VALUE = upper(VALUE));
CREATE DOMAIN later_stricter AS int;
CREATE TYPE inner_pair AS (x int, gone int, y text COLLATE "C");
ALTER TYPE inner_pair DROP ATTRIBUTE gone;
CREATE TYPE outer_pair AS (pair inner_pair, list inner_pair[], feeling mood, "odd ""name""" even);
CREATE DOMAIN checked_pair AS inner_pair CHECK ((VALUE).x > 0);
CREATE TYPE nothing AS ();
CREATE FUNCTION mood_distance(a mood, b mood) RETURNS float8 IMMUTABLE LANGUAGE sql
    AS $$ SELECT (array_position(enum_range(NULL::kinds.mood), a) - array_position(enum_range(NULL::kinds.mood), b))::float8 $$;
CREATE TYPE mood_range AS RANGE (SUBTYPE = mood, SUBTYPE_DIFF = mood_distance, MULTIRANGE_TYPE_NAME = mood_ranges);
CREATE TYPE text_range AS RANGE (SUBTYPE = text, COLLATION = "C");
CREATE TYPE ticks;
CREATE FUNCTION ticks_in(cstring) RETURNS ticks IMMUTABLE STRICT LANGUAGE internal AS 'int8in';
CREATE FUNCTION ticks_out(ticks) RETURNS cstring IMMUTABLE STRICT LANGUAGE internal AS 'int8out';
CREATE TYPE ticks (INPUT = ticks_in, OUTPUT = ticks_out, LIKE = int8, CATEGORY = 'N', DEFAULT = '7', DELIMITER = ';');
CREATE TYPE only_a_shell;
CREATE TABLE own_types (
    a mood, b mood[], c positive, d even, e tags, f shouting, g inner_pair, h outer_pair, i outer_pair[], j checked_pair, k mood_range,
    l mood_ranges, m text_range, n text_multirange, o ticks, p ticks[], q nothing, r even[], s later_stricter, t mood_range[]
);
INSERT INTO own_types VALUES
    ('', '{sad,NULL,"",between}', 1, 2, '[3:4]={a,NULL}', 'LOUD', '(1,"a ""b"", \\ ")', '("(1,)","{""(2,\\""x,y\\"")"",NULL}",ok,4)',
     '{"(,,,4)"}', '(1,)', '[sad,ok)', '{[sad,ok),[" "," "]}', '["a,""\\","b )")', '{}', '-5', '{1;NULL;2}', '()', '{2,4}', -1, '{empty}');
INSERT INTO own_types (c, d) VALUES (DEFAULT, 2);
-- A value from before the constraint: it was never checked, and the copy must take it too.
ALTER DOMAIN later_stricter ADD CONSTRAINT not_yet CHECK (VALUE > 0) NOT VALID;
CREATE TABLE rows_of_tables (whole with_modifier, own own_types);
INSERT INTO rows_of_tables SELECT x, y FROM with_modifier x, own_types y;

-- Types of extensions.
CREATE SCHEMA extensions;
CREATE EXTENSION citext SCHEMA extensions;
CREATE EXTENSION hstore SCHEMA extensions;
CREATE EXTENSION ltree SCHEMA extensions;
CREATE EXTENSION cube SCHEMA public;
CREATE EXTENSION seg SCHEMA extensions;
CREATE EXTENSION isn SCHEMA extensions;
CREATE EXTENSION intarray SCHEMA extensions;
CREATE EXTENSION btree_gist SCHEMA extensions;
CREATE EXTENSION btree_gin SCHEMA extensions;
CREATE EXTENSION pg_trgm SCHEMA extensions;
CREATE EXTENSION bloom SCHEMA extensions;
CREATE EXTENSION earthdistance SCHEMA public;
COMMENT ON EXTENSION citext IS 'a comment of one''s own';
SET search_path = kinds, extensions, public;
CREATE TABLE of_extensions (
    a citext, b hstore, c ltree, d lquery, e ltxtquery, f cube, g seg, h isbn13, i issn, j upc, k query_int, l citext[], m hstore[], n ltree[], o earth
);
INSERT INTO of_extensions VALUES
    ('MiXed', 'a=>NULL, "b \"\\"=>"x, => y", ""=>""', 'Top.Science', '*{1,2}.!a|b@*', 'a & !b*', '(1,2),(3,1e-300)', '1.50 .. 2', '978-0-11-000533-1',
     '1436-4522', '220356483481', '1&!(2|3)', '{A,a,NULL}', '{"a=>1",NULL}', '{a.b,""}', ll_to_earth(1, 2));
INSERT INTO of_extensions DEFAULT VALUES;
INSERT INTO of_extensions (a, b, c, d, e, f) VALUES ('', '', '', '*', 'a', '()');
RESET search_path;
