"""The data that the engine is measured on: each set has another shape that decides what takes time."""

SKEWED = """
    CREATE TABLE orders (id bigint, customer int, state text, placed timestamptz, total numeric(12,2), note text);
    INSERT INTO orders SELECT i, i % 9973 * 10, (ARRAY['new','paid','sent','done'])[1 + i % 4],
        '2024-01-01'::timestamptz + i * interval '11 seconds', (i % 100000) / 7.0, md5(i::text) || md5((i * 3)::text)
      FROM generate_series(1, {mebibytes} * 6800) i;
    ALTER TABLE orders ADD PRIMARY KEY (id);
    CREATE INDEX ON orders (customer, placed);
    CREATE INDEX ON orders (placed);
    SELECT format('CREATE TABLE other_%s AS SELECT id, customer, note FROM orders WHERE id <= {mebibytes} * 440', i)
      FROM generate_series(1, 5) i \\gexec
    SELECT format('ALTER TABLE other_%s ADD PRIMARY KEY (id)', i) FROM generate_series(1, 5) i \\gexec
    SELECT format('ALTER TABLE other_%s ADD FOREIGN KEY (id) REFERENCES orders', i) FROM generate_series(1, 5) i \\gexec
"""
"""One table has four fifths of the bytes."""

SMALL = """
    SELECT format('CREATE TABLE t_%s (id int PRIMARY KEY, parent int, name text UNIQUE, at timestamptz)', i)
      FROM generate_series(1, 200) i \\gexec
    SELECT format('INSERT INTO t_%s SELECT n, n, md5(n::text), now() FROM generate_series(1, {mebibytes} * 60) n', i)
      FROM generate_series(1, 200) i \\gexec
    SELECT format('CREATE INDEX ON t_%s (at)', i) FROM generate_series(1, 200) i \\gexec
    SELECT format('ALTER TABLE t_%s ADD FOREIGN KEY (parent) REFERENCES t_%s', i, i - 1)
      FROM generate_series(2, 200) i \\gexec
"""
"""200 tables of the same size, with three indexes and a foreign key each."""

JSONB = """
    CREATE TABLE documents (id bigint PRIMARY KEY, kind text, doc jsonb);
    INSERT INTO documents SELECT i, 'kind ' || i % 50, jsonb_build_object(
        'id', i, 'name', md5(i::text), 'tags', ARRAY['a' || i % 100, 'b' || i % 1000],
        'address', jsonb_build_object('city', 'city ' || i % 5000, 'street', md5((i * 5)::text)),
        'items', (SELECT jsonb_agg(jsonb_build_object('sku', (i * k) % 20000, 'n', k)) FROM generate_series(1, 8) k))
      FROM generate_series(1, {mebibytes} * 2100) i;
    CREATE INDEX ON documents USING gin (doc jsonb_path_ops);
    CREATE INDEX ON documents (kind);
    CREATE TABLE log (id bigint PRIMARY KEY, line jsonb);
    INSERT INTO log SELECT i, jsonb_build_object('at', i, 'text', md5(i::text)) FROM generate_series(1, {mebibytes} * 2500) i;
"""
"""Wide jsonb under a GIN index."""

SETS = {"skewed": SKEWED, "small": SMALL, "jsonb": JSONB}
