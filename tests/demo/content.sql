-- What is in a database, to be compared with another's: one line `schema.table|rows|checksum` per table, in order of
-- names. The checksum adds up a hash of every row's text, so the order of rows does not matter; partitions are listed
-- one by one, materialized views too. left_out: columns (`schema.table.column`) that do not count.
-- Run by: psql -X -q -v ON_ERROR_STOP=1 [-v left_out={shop.users.email}] -f content.sql

\set ON_ERROR_STOP on
\set QUIET on
\pset format unaligned
\pset fieldsep '|'
\pset tuples_only on

\if :{?left_out}
\else
  \set left_out '{}'
\endif
SET client_min_messages = warning;
SET search_path = '';
SET row_security = off;
SET TimeZone = 'UTC';
SET DateStyle = 'ISO, YMD';
SET IntervalStyle = 'postgres';
SET bytea_output = 'hex';
SET extra_float_digits = 3;
SET lc_monetary = 'C';

SELECT format('SELECT %L, count(*), coalesce(sum(hashtextextended(ROW(%s)::text, 0)::numeric), 0) FROM ONLY %I.%I AS content',
              n.nspname || '.' || c.relname,
              (SELECT string_agg(format('content.%I', attname), ', ' ORDER BY attnum) FROM pg_attribute
               WHERE attrelid = c.oid AND attnum > 0 AND NOT attisdropped
                 AND n.nspname || '.' || c.relname || '.' || attname <> ALL (:'left_out'::text[])),
              n.nspname, c.relname)
FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE c.relkind IN ('r', 'm') AND c.relispopulated AND c.relpersistence <> 't'
  AND n.nspname NOT IN ('pg_catalog', 'information_schema', 'pg_toast', 'datareplication')
ORDER BY n.nspname COLLATE "C", c.relname COLLATE "C"
\gexec
