"""A shop's database next to masked people raises no alarm: what its tables keep are no originals."""

import shutil

import pytest

from support.programs import Programs

KEY = "a key that nobody can guess"
N = 3000
PEOPLE = f"""
    CREATE TABLE people (id int PRIMARY KEY, email text UNIQUE, first text, last text, name text, phone text, iban text,
        card text, street text, note text, avatar text, user_agent text, zone text, token text, ip inet, profile jsonb);
    INSERT INTO people SELECT i, 'p' || i || '.' || substr(md5(i::text), 1, 5) || '@real.io', 'Anna' || i % 40,
        'Berg' || i % 97, 'Anna' || chr(97 + i % 26) || ' Berg' || chr(97 + i / 26 % 26), '079' || lpad((i * 7919 % 10000000)::text, 7, '0'),
        'CH' || lpad((i % 97)::text, 2, '0') || lpad(i::text, 17, '0'), '4' || lpad((i * 104729::int8)::text, 15, '0'),
        'Long Street ' || i, 'Customer asked for a refund, see ' || i, 'https://cdn.shop.io/a/' || i % 10 || '.png',
        'Mozilla/5.0 (X11; Linux x86_64) Chrome/' || i % 30, 'America/Argentina/Buenos_Aires', md5('t' || i),
        '10.1.2.3', jsonb_build_object('lang', 'de', 'plan', 'premium subscription yearly', 'mail', 'q' || i || '@real.io')
    FROM generate_series(1, {N}) i;
"""
KEPT = {
    "order_number": "lpad((100000000 + i)::text, 10, '0')",
    "big_order_number": "(1000000000 + i * 7919)::text",
    "tracking": "(4000000000000000 + i * 7907::int8)::text",
    "parcel": "'1Z' || upper(substr(md5(i::text), 1, 16))",
    "ean": "(4006381000000 + i)::text",
    "isbn": "'978-3-16-' || lpad(i::text, 6, '0') || '-' || i % 10",
    "uuid": "md5('u' || i)::uuid::text",
    "md5": "md5('m' || i)",
    "sha": "encode(sha256(i::text::bytea), 'hex')",
    "at_text": "(timestamptz '2024-01-01' + i * interval '37 minutes')::text",
    "epoch": "(1700000000 + i * 613)::text",
    "epoch_ms": "(1700000000000 + i * 613::int8)::text",
    "compact": "to_char(timestamp '2024-01-01' + i * interval '37 minutes', 'YYYYMMDDHH24MISS')",
    "version": "'1.' || i % 20 || '.' || i || '-rc.1+build.' || i",
    "package": "'@scope/pack@' || i % 9 || '.' || i % 30 || '.1'",
    "file": "'photo_' || i || '@2x.png'",
    "archive": "'backup@' || i || '.tar.gz'",
    "unit": "'getty@tty' || i || '.service'",
    "url": "'https://shop.io/products/' || i || '?ref=mail&utm_source=list' ",
    "image_url": "'https://cdn.shop.io/p/' || i || '@3x.webp'",
    "base64": "encode(sha256(('b' || i)::bytea), 'base64')",
    "log": "'2024-05-06 12:' || lpad((i % 60)::text, 2, '0') || ':00.123 INFO worker-' || i || ' took 1234567 us, 99 rows, id=' || (i * 31)",
    "product": "'Steel Bottle Large ' || i % 300",
    "company": "'Acme Industries No ' || i % 50",
    "company_address": "'Industry Road ' || i || ', 8000 City'",
    "settings": '\'{"theme": "dark", "limit": \' || i || \', "hosts": ["db\' || i || \'.internal:5432"], "color": "#a1b2c3"}\'',
    "settings_json": "jsonb_build_object('id', i, 'when', now(), 'items', jsonb_build_array(i, 'Large Blue Box', md5(i::text)))::text",
    "clone_url": "'ssh://shop.io/team/repo' || i || '.git'",
    "mention": "'thanks @team, see #' || i",
    "time_zone": "'America/Argentina/Buenos_Aires'",
    "state": "(ARRAY['waiting for payment', 'ready for shipment', 'returned to sender'])[1 + i % 3]",
    "imei": "'35' || lpad((i * 7919)::text, 13, '0')",
    "ranges": "i || ' - ' || i + 100 || ' / ' || 2000 + i || '.' || i % 12 || '.' || i % 28",
    "coordinates": "'47.' || lpad((i * 7919 % 1000000)::text, 6, '0') || ' 8.' || lpad((i * 104729::int8 % 1000000)::text, 6, '0')",
    "amounts": "i || '.00 ' || i * 3 || '.50 ' || i * 7 || '.99 CHF'",
    "reference": "'RF18 ' || lpad(i::text, 4, '0') || ' 0000 ' || lpad((i * 7)::text, 5, '0')",
    "vat": "'DE' || 100000000 + i",
    "swift": "'REALCHZZ' || lpad((i % 1000)::text, 3, '0')",
    "sku": "'SKU-' || i || '-BLK-XXL-2024'",
    "git": "substr(encode(sha256(i::text::bytea), 'hex'), 1, 40)",
}


@pytest.mark.parametrize("rows", [N, 5])
def test_ordinary_columns_raise_no_alarm(programs: Programs, rows: int) -> None:
    tables = [list(KEPT.items())[start : start + 2] for start in range(0, len(KEPT), 2)]
    programs.source.run(PEOPLE, database=programs.database)
    lines = []
    for number, columns in enumerate(tables):
        made = ", ".join(f"{made} AS {name}" for name, made in columns)
        programs.source.run(
            f"CREATE TABLE kept{number} AS SELECT i AS id, {made} FROM generate_series(1, {rows}) i",
            database=programs.database,
        )
        lines.append(f"  public.kept{number}: {{id: Keep, {', '.join(f'{name}: Keep' for name, _ in columns)}}}")
    rules = programs.root / "rules.yaml"
    rules.write_text(
        "tables:\n  public.people: {id: Keep, email: Email, first: FirstName, last: LastName, name: Name, phone: Phone,"
        " iban: Iban, card: CreditCard, street: Street, note: Text, avatar: Url, user_agent: 'Null', zone: 'Null',"
        " token: Hash, ip: IpAddress, profile: {rule: Json, paths: {lang: Keep, mail: Email}, unlisted: 'Null'}}\n"
        + "\n".join(lines)
    )
    shutil.rmtree(programs.snapshot, ignore_errors=True)
    dumped = programs.dump("--masking", str(rules), MASKING_KEY=KEY)
    assert dumped.code == 0, dumped.report.message

    loaded = programs.load(MASKING_KEY=KEY)

    assert loaded.code == 0, loaded.report.message
