-- Rows for schema.sql: :rows of them (1,000,000 when not set), give or take the small tables. The same rows every time:
-- every value comes from a hash of the row's number.

\set ON_ERROR_STOP on
\if :{?rows}
\else
  \set rows 1000000
\endif
SET client_min_messages = warning;
SET TimeZone = 'UTC';
SET synchronous_commit = off;

-- A superuser may skip the checks of foreign keys, which take longer than the rows.
SELECT rolsuper AS is_superuser FROM pg_roles WHERE rolname = current_user \gset
\if :is_superuser
  SET session_replication_role = replica;
\endif

-- A number from 0 to n - 1 that depends on i and salt only.
CREATE FUNCTION pg_temp.pick(i bigint, salt bigint, n bigint) RETURNS bigint LANGUAGE sql IMMUTABLE AS
    $$ SELECT abs(hashint8extended(i, salt) % n) $$;

SELECT greatest(:rows / 20000, 5) AS tenants, greatest(:rows / 40, 50) AS users, greatest(:rows / 50, 40) AS products,
       greatest(:rows / 5, 200) AS orders, greatest(:rows / 4, 200) AS events \gset

BEGIN;

INSERT INTO shop.tenants (name, plan, settings, created_at)
SELECT 'Tenant ' || i, (enum_range(NULL::shop.plan))[1 + pg_temp.pick(i, 1, 3)],
       jsonb_build_object('seats', pg_temp.pick(i, 2, 500), 'motto', E'"quoted" \\ and\ttabbed', 'nothing', NULL),
       timestamptz '2020-01-01Z' + i * interval '1 day 1 microsecond'
FROM generate_series(1, :tenants) i;

INSERT INTO shop.users (tenant_id, invited_by, email, full_name, roles, home, last_ip)
SELECT 1 + pg_temp.pick(i, 1, :tenants), CASE WHEN i > 10 THEN 1 + pg_temp.pick(i, 2, i - 1) END,
       'user' || i || '@example.org',
       CASE pg_temp.pick(i, 3, 5) WHEN 0 THEN NULL WHEN 1 THEN '' WHEN 2 THEN 'Zoë Müller-Łukasz' WHEN 3 THEN 'O''Brien, "Pat"'
            ELSE '名前 ' || i END,
       CASE pg_temp.pick(i, 4, 4) WHEN 0 THEN '{}' WHEN 1 THEN ARRAY['admin', NULL] WHEN 2 THEN ARRAY['a,b', '{"x"}', '']
            ELSE ARRAY['reader'] END,
       CASE WHEN pg_temp.pick(i, 5, 3) = 0 THEN NULL ELSE ROW(i || ' Main St, "rear"', 'Zürich', 'CH')::shop.address END,
       ('172.' || 16 + pg_temp.pick(i, 6, 16) || '.' || pg_temp.pick(i, 7, 256) || '.1')::inet
FROM generate_series(1, :users) i;

INSERT INTO shop.categories
SELECT i, CASE WHEN i > 4 THEN i / 4 END, 'root/' || i FROM generate_series(1, 200) i;

INSERT INTO shop.products (category_id, sku, title, description, price, tags, attributes, available)
SELECT 1 + pg_temp.pick(i, 1, 200), 'SKU-' || lpad(i::text, 9, '0'), 'Product ' || i,
       CASE pg_temp.pick(i, 2, 4) WHEN 0 THEN NULL WHEN 1 THEN '' WHEN 2 THEN E'two\nlines, "quoted" \\N \\.'
            ELSE repeat(md5(i::text) || ' ', 8) END,
       pg_temp.pick(i, 3, 1000000) / 100.0,
       CASE WHEN pg_temp.pick(i, 4, 3) = 0 THEN NULL ELSE ARRAY['tag' || pg_temp.pick(i, 5, 50), E'new\nline'] END,
       jsonb_build_object('color', pg_temp.pick(i, 6, 16), 'sizes', jsonb_build_array(1, NULL, 'XL'), 'ü', 'é'),
       CASE pg_temp.pick(i, 7, 3) WHEN 0 THEN 'empty' WHEN 1 THEN NULL
            ELSE daterange(date '2023-01-01' + (i % 300)::int, NULL) END
FROM generate_series(1, :products) i;

INSERT INTO shop.product_images
SELECT i, 1, decode(string_agg(md5(i || '-' || n), '' ORDER BY n), 'hex') || '\x00ff0a0d22'::bytea
FROM generate_series(1, :products, 10) i, generate_series(1, 64) n GROUP BY i;

INSERT INTO shop.warehouses
SELECT 'W' || lpad(i::text, 3, '0'), point(i / 7.0, -i / 3.0), date '1999-12-31' + i, int4range(6, 18 + i), i
FROM generate_series(1, 5) i;

INSERT INTO shop.stock
SELECT 'W' || lpad((1 + pg_temp.pick(i, 1, 5))::text, 3, '0'), i,
       CASE pg_temp.pick(i, 2, 50) WHEN 0 THEN 'NaN'::numeric WHEN 1 THEN 0.1 + 1e-30 ELSE pg_temp.pick(i, 3, 10000) END,
       CASE pg_temp.pick(i, 4, 20) WHEN 0 THEN 'NaN'::float8 WHEN 1 THEN '-Infinity' WHEN 2 THEN NULL
            ELSE pg_temp.pick(i, 5, 1000000) / 7.0 END,
       CASE pg_temp.pick(i, 6, 30) WHEN 0 THEN 'infinity' WHEN 1 THEN '-infinity' WHEN 2 THEN NULL
            ELSE timestamptz '2023-01-01Z' + pg_temp.pick(i, 7, 31536000) * interval '1 second' END
FROM generate_series(1, :products) i;

INSERT INTO shop.orders
SELECT i, timestamptz '2023-01-01Z' + pg_temp.pick(i, 1, 34560000) * interval '1.000001 second',
       1 + pg_temp.pick(i, 2, :users), (enum_range(NULL::shop.order_state))[1 + pg_temp.pick(i, 3, 4)],
       pg_temp.pick(i, 4, 1000000) / 100.0,
       CASE WHEN pg_temp.pick(i, 5, 4) = 0 THEN ROW(NULL, '', 'DE')::shop.address END,
       CASE pg_temp.pick(i, 6, 10) WHEN 0 THEN '' WHEN 1 THEN E'leave at\r\nthe "door"' WHEN 2 THEN '\N' END
FROM generate_series(1, :orders) i;
SELECT setval('shop.order_numbers', 1000 + 10 * :orders);

INSERT INTO shop.order_items (order_id, placed_at, line, product_id, quantity, unit_price)
SELECT o.id, o.placed_at, line, 1 + pg_temp.pick(o.id * 8 + line, 1, :products), 1 + pg_temp.pick(o.id * 8 + line, 2, 9),
       pg_temp.pick(o.id * 8 + line, 3, 50000) / 100.0
FROM shop.orders o, generate_series(1, 1 + pg_temp.pick(o.id, 9, 4)) line;

INSERT INTO shop.reviews (product_id, user_id, stars, title, body)
SELECT 1 + pg_temp.pick(i, 1, :products), 1 + pg_temp.pick(i, 2, :users), NULLIF(pg_temp.pick(i, 3, 6), 0),
       CASE pg_temp.pick(i, 4, 3) WHEN 0 THEN NULL WHEN 1 THEN '' ELSE 'Très bon — 5★' END,
       CASE pg_temp.pick(i, 5, 4) WHEN 0 THEN E'first\nsecond\n\nfourth' WHEN 1 THEN 'He said: "fine", then left.'
            WHEN 2 THEN E' \t leading, trailing ' ELSE 'emoji 🚚📦 and combining e' || chr(769) END
FROM generate_series(1, :products) i;

INSERT INTO billing.invoices (tenant_id, period, amount, exchange_rate)
SELECT t, daterange(month::date, (month + interval '1 month')::date),
       (pg_temp.pick(t * 100 + extract(month FROM month)::int, 1, 1000000) / 100.0)::numeric::money,
       CASE pg_temp.pick(t, 2, 4) WHEN 0 THEN 'NaN' WHEN 1 THEN NULL ELSE 1.0838 END
FROM generate_series(1, :tenants) t, generate_series(timestamp '2023-01-01', '2023-12-01', '1 month') month;

INSERT INTO billing.payments
SELECT md5(id::text)::uuid, id, make_interval(months => (id % 5)::int, secs => id / 3.0),
       (id % 256)::int::bit(8), CASE WHEN id % 3 = 0 THEN xmlparse(CONTENT '<paid by="card &amp; cash">' || id || '</paid>') END
FROM billing.invoices;

INSERT INTO audit.events
SELECT i, 1 + pg_temp.pick(i, 1, :tenants), timestamp '2023-06-01' + i * interval '0.25 second',
       (ARRAY['login', 'logout', 'purchase', 'export'])[1 + pg_temp.pick(i, 2, 4)],
       CASE WHEN pg_temp.pick(i, 3, 10) > 0
            THEN jsonb_build_object('id', i, 'agent', md5(pg_temp.pick(i, 4, 1000)::text), 'nested', jsonb_build_object('a', '[]')) END
FROM generate_series(1, :events) i;

INSERT INTO shop.sessions (token, user_id)
SELECT md5('session' || i), 1 + pg_temp.pick(i, 1, :users) FROM generate_series(1, 1000) i;

INSERT INTO shop."Odd ""names"", and more"
VALUES (1, 'NaN', ''), (2, NULL, NULL), (3, -0.000, E'\\.'), (4, 1e100, E'\\N'), (5, 0, E'a\n\\.\nb'), (6, 1, ' '), (7, 2, '""');

COMMIT;

REFRESH MATERIALIZED VIEW shop.revenue;
ANALYZE;
