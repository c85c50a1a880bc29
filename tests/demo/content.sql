-- What is in a database, to be compared with another's: one line `schema.table|rows|checksum` per table, in order of
-- names. The checksum adds up a hash of every row's text, so the order of rows does not matter; partitions are listed
-- one by one, materialized views too. Run by: psql -X -q -v ON_ERROR_STOP=1 -f content.sql

\set ON_ERROR_STOP on
\set QUIET on
\pset format unaligned
\pset fieldsep '|'
\pset tuples_only on

SET client_min_messages = warning;
SET search_path = '';
SET row_security = off;
SET TimeZone = 'UTC';
SET DateStyle = 'ISO, YMD';
SET IntervalStyle = 'postgres';
SET bytea_output = 'hex';
SET extra_float_digits = 3;
SET lc_monetary = 'C';

SELECT format('SELECT %L, count(*), coalesce(sum(hashtextextended((content.*)::text, 0)::numeric), 0) FROM ONLY %I.%I AS content',
              n.nspname || '.' || c.relname, n.nspname, c.relname)
FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE c.relkind IN ('r', 'm') AND c.relispopulated AND c.relpersistence <> 't'
  AND n.nspname NOT IN ('pg_catalog', 'information_schema', 'pg_toast', 'datareplication')
ORDER BY n.nspname COLLATE "C", c.relname COLLATE "C"
\gexec
