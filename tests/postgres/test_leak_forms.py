"""The forms of originals, computed in a source, are among the forms that a load finds in the same text."""

import contextlib
import string

from hypothesis import given, settings
from hypothesis import strategies as st
from psycopg2 import sql

from datareplication.jobs.model.masking import telling
from datareplication.jobs.postgres import originals
from support.server import Server

EMAILS = st.builds(
    "{}@{}.{}".format, *[st.text("abZé._%+-09", min_size=1, max_size=20)] * 2, st.text("abcé", min_size=1, max_size=5)
)
LOCAL = st.text("ab.'/=\"`[]\\^{}", min_size=1, max_size=70)
ODD_EMAILS = st.builds("{}@real.io".format, LOCAL)
PHONES = st.builds(
    "{}{}{}".format,
    st.sampled_from(["+41 (0)", "0041", "00", "(0)", "(+41) (0) "]),
    *[st.text("0123 ", min_size=4, max_size=9)] * 2,
)
URLS = st.text("ab1:/.?=&%", min_size=18, max_size=40)
NUMBERS = st.text("0123456789 ./()-+", min_size=8, max_size=45)
CODES = st.text(string.ascii_letters + string.digits + "_-", min_size=14, max_size=40)
IBANS = st.builds(
    "{}{:02}{}".format,
    st.sampled_from(["DE", "CH", "gb", "XX"]),
    st.integers(0, 99),
    st.text("0123456789AB ", min_size=8, max_size=34),
)
WORDS = st.lists(st.text("abcXYZé'-", min_size=1, max_size=12), min_size=1, max_size=4).map("  \t".join)
ANY = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=60)
TEXTS = st.lists(
    st.one_of(EMAILS, ODD_EMAILS, PHONES, URLS, NUMBERS, CODES, IBANS, WORDS, ANY), min_size=50, max_size=200
)
QUERY = sql.SQL(
    "SELECT piece, form FROM unnest({texts}::text[]) given(piece) CROSS JOIN LATERAL ({form}) f WHERE form IS NOT NULL"
)


@settings(max_examples=20, deadline=None)
@given(TEXTS)
def test_what_a_source_looks_for_a_load_finds(source: Server, texts: list[str]) -> None:
    form = originals.forms(sql.SQL("ARRAY[given.piece]"), 8)
    with contextlib.closing(source.connect()) as session, session.cursor() as cursor:
        cursor.execute(QUERY.format(texts=sql.Literal(texts), form=form))
        found = cursor.fetchall()
    for text, looked_for in found:
        forms = {one.decode() for _, one in telling.forms(text.encode())}
        assert looked_for in forms, (text, looked_for)


def test_each_form_is_recognized_in_the_source(source: Server) -> None:
    told = {
        " Jane.Doe@Real.io": "jane.doe@real.io",
        "+41 (79) 555-00.01": "41795550001",
        "+41 (0)79 555 00 01": "41795550001",
        "0041 79 555 00 01": "41795550001",
        "Conan.O'Brien@Real.io": "brien@real.io",
        "https://social.io/Jane?id=1": "https://social.io/jane?id=1",
        "America/Argentina/Buenos_Aires": None,
        "DE89 3704 0044 0532 0130 00": "de89370400440532013000",
        "sk_live_4242ABCDefgh": "sk_live_4242abcdefgh",
        "Émile \t Ångström": "Émile Ångström",
        "short": None,
        "delivered": None,
        "2024": None,
    }
    texts, form = sql.Literal(list(told)), originals.forms(sql.SQL("ARRAY[given.piece]"), 8)
    query = sql.SQL(
        "SELECT piece, f.form FROM unnest({}::text[]) given(piece) LEFT JOIN LATERAL ({}) f ON true"
    ).format(texts, form)
    with contextlib.closing(source.connect()) as session, session.cursor() as cursor:
        cursor.execute(query)
        assert dict(cursor.fetchall()) == told
