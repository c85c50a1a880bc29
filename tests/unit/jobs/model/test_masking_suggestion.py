"""What is guessed about columns, and that what is suggested fits: the rules are read back and decided about."""

from dataclasses import replace

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from datareplication.jobs.dump.masking import rules_file
from datareplication.jobs.model.masking import column_names, decisions, documents, families, suggesting, writing
from datareplication.jobs.model.masking.evidence import Evidence
from datareplication.jobs.model.masking.facts import ColumnFacts, Facts, ReferenceFacts, TableFacts, UniqueFacts
from datareplication.jobs.model.masking.guessing import guess
from datareplication.jobs.model.masking.rules import Rule, Rules
from datareplication.jobs.model.masking.topics import Topic

NOTHING = Evidence()


def column(name: str, kind: str = "text", *, is_nullable: bool = True) -> ColumnFacts:
    return ColumnFacts(name, kind, families.parsed(kind), is_nullable)


def chosen(name: str, kind: str = "text", evidence: Evidence = NOTHING, table: str = "things") -> tuple[str, str]:
    found = guess(table, column(name, kind), evidence)
    return found.rules[0].kind, found.reason


@pytest.mark.parametrize(
    ("name", "topic"),
    [
        ("email", "Email"),
        ("E-Mail_Adresse", "Email"),
        ("billingEmail", "Email"),
        ("courriel", "Email"),
        ("tel_mobile", "Phone"),
        ("Handynummer", "Phone"),
        ("first_name", "FirstName"),
        ("Vorname", "FirstName"),
        ("prénom", "FirstName"),
        ("familyName", "LastName"),
        ("cognome", "LastName"),
        ("iban", "Iban"),
        ("card_number", "Card"),
        ("ahv_nr", "Identity"),
        ("codice_fiscale", "Identity"),
        ("date_of_birth", "Birth"),
        ("geburts_datum", "Birth"),
        ("Straße", "Street"),
        ("PLZ", "Postcode"),
        ("ville", "City"),
        ("firma", "Company"),
        ("ip_address", "Address"),
        ("website", "Url"),
        ("password_hash", "Secret"),
        ("api_key", "Secret"),
        ("resetToken", "Secret"),
        ("bemerkungen", "Prose"),
        ("latitude", "Place"),
        ("gehalt", "Income"),
        ("geschlecht", "Special"),
        ("created_by", "Username"),
        ("email_status", "Harmless"),
        ("card_type", "Harmless"),
        ("currency", "Harmless"),
        ("widget", None),
        ("name", None),
        ("", None),
        ("名前", None),
    ],
)
def test_a_name_says_what_a_column_is_about(name: str, topic: Topic | None) -> None:
    assert column_names.topic(name) == topic


def test_name_alone_is_a_persons_only_in_a_table_of_persons() -> None:
    assert column_names.topic("name", "app_users") == "Name"
    assert column_names.topic("name", "Kunden") == "Name"
    assert column_names.topic("name", "products") is None


@pytest.mark.parametrize(
    ("name", "kind", "evidence", "expected"),
    [
        ("x", "text", Evidence(1000, 900, 30, found={"Email": 900}), ("Email", "900 of 1000 values: e-mail addresses")),
        ("x", "text", Evidence(1000, 900, 30, traces={"Email": 12}), ("Text", "12 of 1000 values contain e-mail addresses")),
        ("status", "text", Evidence(100, 4, 9), ("Keep", "looks harmless: 4 values")),
        ("status", "text", Evidence(100, 4, 9, traces={"Email": 1}), ("Text", "1 of 100 values contain e-mail addresses")),
        ("x", "text", Evidence(100, 4, 9, has_codes=True), ("Keep", "looks harmless: 4 values")),
        ("x", "text", Evidence(100, 4, 9), ("Text", "not recognised: decide")),
        ("x", "text", Evidence(5, 4, 9, has_codes=True), ("Text", "not recognised: decide")),
        ("x", "text", NOTHING, ("Text", "not recognised: decide")),
        ("email", "text", NOTHING, ("Email", "name")),
        ("email", "text", Evidence(10, 10, 9, found={"Phone": 9}), ("Phone", "9 of 10 values: telephone numbers")),
        ("ahv", "text", Evidence(10, 10, 9, found={"Phone": 10, "Identity": 9}), ("Text", "9 of 10 values: numbers of persons")),
        ("phone", "text", Evidence(10, 10, 9, found={"Digits": 10}), ("Phone", "name")),
        ("x", "text", Evidence(10, 10, 9, found={"Digits": 10}), ("Digits", "10 of 10 values: numbers")),
        ("x", "text", Evidence(10, 10, 36, found={"Uuid": 10}), ("Keep", "10 of 10 values: UUIDs")),
        ("session_token", "uuid", NOTHING, ("Null", "name")),
        ("token", "text", Evidence(10, 10, 36, found={"Uuid": 10}), ("Null", "name")),
        ("id", "integer", Evidence(10, 10, 3), ("Keep", "number")),
        ("x", "bigint", Evidence(10, 10, 16, found={"Card": 10}), ("Integer", "10 of 10 values: card numbers")),
        ("ssn", "integer", NOTHING, ("Integer", "name")),
        ("birth_year", "integer", NOTHING, ("Truncate", "name")),
        ("lat", "double precision", NOTHING, ("Truncate", "name")),
        ("salary", "numeric(10,2)", NOTHING, ("Noise", "name")),
        ("born", "date", NOTHING, ("ShiftDate", "name")),
        ("created_at", "timestamp with time zone", NOTHING, ("Keep", "time")),
        ("d", "date", NOTHING, ("ShiftDate", "not recognised: decide")),
        ("address", "inet", NOTHING, ("IpAddress", "type inet")),
        ("is_active", "boolean", NOTHING, ("Keep", "type boolean")),
        ("photo", "bytea", NOTHING, ("Null", "type bytea: decide")),
        ("search", "tsvector", NOTHING, ("Null", "type tsvector: decide")),
        ("x", "app.pair", NOTHING, ("Null", "type pair: decide")),
        ("profile", "jsonb", NOTHING, ("Null", "JSON without known fields: decide")),
    ],
)  # fmt: skip
def test_a_guess_follows_from_values_then_name_then_type(
    name: str, kind: str, evidence: Evidence, expected: tuple[str, str]
) -> None:
    assert chosen(name, kind, evidence) == expected


def test_the_name_of_a_domain_counts_too() -> None:
    found = guess("things", ColumnFacts("x", "app.phone_number", families.parsed("text"), is_nullable=True), NOTHING)
    assert (found.rules[0].kind, found.reason) == ("Phone", "name")


def test_paths_of_documents_are_fields_and_never_data() -> None:
    people = [
        {"mail": f"p{i}@x.test", "ann": 1, f"p{i}@x.test": 1, "rare" if i == 0 else "x": True, "by_id": {f"id{i}": 1}}
        for i in range(100)
    ]
    found = documents.paths(
        [*people, {"kids": [{"name": "a"}, {"name": "b"}], "year2024": 1}, None, 7], frozenset({"ann"})
    )
    assert sorted(found) == ["mail", "x"]
    assert documents.paths([[{"a": 1}], [{"a": 2}]]) == {"[].a": [1, 2]}
    assert documents.paths([{"a": {"b": 1}}, {"a": "x"}, {"a": {"b": 2}}]) == {"a.b": [1, 2]}


USERS, ORDERS, PART = ("shop", "users"), ("shop", "orders"), ("shop", "orders_2024")
ID = column("id", "integer", is_nullable=False)


def suggest(facts: Facts, evidence: dict[suggesting.Column, Evidence] | None = None) -> str:
    return writing.text(suggesting.suggest(facts, evidence or {}), "en", 1000)


def read_back(text: str, facts: Facts) -> decisions.Decided:
    assert yaml.safe_load(text)
    return decisions.decide(rules_file.parsed("rules.yaml", text.encode()), facts)


def test_a_whole_suggestion() -> None:
    users = TableFacts(
        1,
        *USERS,
        (
            ID,
            column("email", "character varying(200)"),
            column("no"),
            column("name", "character varying(10)"),
            column("doc", "jsonb"),
        ),
        (UniqueFacts("pk", ("id",), is_primary=True), UniqueFacts("u", ("email",)), UniqueFacts("n", ("name",))),
    )
    orders = TableFacts(
        2, *ORDERS, (ID, column("mail", "text"), column("day", "date"), column("email")), partition_key=("day", "email")
    )
    part = replace(orders, oid=3, name=PART[1], parents=(ORDERS,))
    jobs = TableFacts(4, "cron", "job", (ID,), extension="pg_cron")
    facts = Facts(
        (users, orders, part, jobs),
        (ReferenceFacts("fk", ORDERS, ("mail",), USERS, ("email",)),),
        has_large_objects=True,
    )
    assert (
        suggest(facts)
        == """\
# yaml-language-server: $schema=masking-rules.schema.json
# Guessed from names, types and at most 1000 rows of each table. Read each line before you use the file:
# a guess can be wrong, and rows that were not looked at may hold anything.
# Decide: shop.orders.email seems to hold personal data, but its keys and type take only Keep.
language: en
tables:
  shop.orders:
    id: Keep  # number
    # mail: the rule of shop.users.email
    day: Keep  # time
    email: Keep  # name; decide: its keys and type take only Keep
  # shop.orders_2024: the rule of shop.orders
  shop.users:
    id: Keep  # number
    email: Email  # name; referred to by shop.orders.mail
    "no": Text  # not recognised: decide
    name: Null  # name
    doc: Null  # JSON without known fields: decide
# Decide: the source has large objects, which no rule masks. Copy them as they are, or remove them.
# largeObjects: Keep
# Decide: these tables hold rows of extensions. Copy them as they are, or give rules for their columns.
# extensionTables:
#   cron.job: Keep  # rows of extension pg_cron
"""
    )
    found = read_back(suggest(facts), facts)
    assert found.missing == {("cron", "job"): (ID,)}
    assert [problem.partition(":")[0] for problem in found.problems] == [
        "the source has large objects, which no rule masks",
        "cron.job holds rows of extension pg_cron",
    ]


def test_a_keys_own_values_count_more_than_the_names_of_what_refers_to_it() -> None:
    countries = TableFacts(
        1, *USERS, (column("code", "character(2)", is_nullable=False),), (UniqueFacts("pk", ("code",)),)
    )
    people = TableFacts(2, *ORDERS, (column("nationality", "character(2)"),))
    facts = Facts((countries, people), (ReferenceFacts("fk", ORDERS, ("nationality",), USERS, ("code",)),))
    known = {(USERS, "code"): Evidence(200, 20, 2, has_codes=True)}
    assert "code: Keep  # looks harmless: 20 values" in suggest(facts, known)
    assert "code: Digits  # name; referred to by shop.orders.nationality; only its digits are exchanged" in suggest(
        facts
    )


def test_a_masked_column_with_a_check_is_marked() -> None:
    facts = Facts((TableFacts(1, *USERS, (column("email"), column("status", "boolean"))),))
    made = suggesting.suggest(facts, {}, checks={(USERS, "email"), (USERS, "status")})
    assert [one.reason for one in made.tables[USERS]] == ["name; mind its CHECK", "type boolean"]


def test_keys_of_several_lengths_get_the_same_values() -> None:
    users = TableFacts(
        1, *USERS, (column("email", "character varying(80)"), column("login")), (UniqueFacts("u", ("email",)),)
    )
    orders = TableFacts(2, *ORDERS, (column("mail", "character varying(40)"),))
    reference = ReferenceFacts("fk", ORDERS, ("mail",), USERS, ("email",))
    text = suggest(Facts((users, orders), (reference,)))
    assert "email: {rule: Hash, length: 32}" in text


NAMES = st.one_of(
    st.sampled_from(["email", "name", "phone", "on", "id", "status", "born", "password", "notes", "Null", "~", "", "a.b", 'a"b', "<<"]),
    st.text(st.characters(blacklist_categories=["Cs"], blacklist_characters="\0"), min_size=1, max_size=20),
).filter(bool)  # fmt: skip
TYPES = st.sampled_from(
    """text;character varying(10);character varying(25);character varying(200);public.citext;text[];integer;bigint;smallint;
    numeric(8,2);date;timestamp with time zone;uuid;inet;jsonb;boolean;bytea;interval;xml;app.thing;jsonb[]""".replace(
        "\n    ", ""
    ).split(";")
)
SEEN: list[Topic] = ["Email", "Phone", "Card", "Identity", "Uuid", "Digits", "Name"]
TOPICS = st.sampled_from(SEEN)
COLUMNS = st.lists(st.tuples(NAMES, TYPES, st.booleans()), min_size=0, max_size=5, unique_by=lambda one: one[0])


@st.composite
def uniques(draw: st.DrawFn, columns: tuple[ColumnFacts, ...]) -> UniqueFacts:
    names = [one.name for one in columns]
    chosen = tuple(draw(st.lists(st.sampled_from(names), max_size=2, unique=True)))
    lower = tuple(draw(st.lists(st.sampled_from(names), max_size=1)))
    predicate = tuple(draw(st.lists(st.sampled_from(names), max_size=1)))
    expressions = ((f'lower("{lower[0]}")', lower),) if lower else ()
    return UniqueFacts(
        "u", chosen, expressions, predicate, takes_one_null=draw(st.booleans()), is_exclusion=draw(st.booleans())
    )


@st.composite
def tables_of(draw: st.DrawFn, oid: int, earlier: list[TableFacts]) -> TableFacts:
    columns = [column(name, kind, is_nullable=null) for name, kind, null in draw(COLUMNS)]
    parents = draw(st.lists(st.sampled_from(earlier), max_size=2, unique_by=lambda one: one.oid)) if earlier else []
    own = {one.name: one for one in columns} | {one.name: one for table in parents for one in table.columns}
    every = tuple(own.values())
    keys = tuple(draw(st.lists(uniques(every), max_size=2))) if every else ()
    partition = tuple(draw(st.lists(st.sampled_from(list(own)), max_size=1))) if own else ()
    return TableFacts(oid, "shop", f"t{oid}", every, keys, partition, tuple(one.qualified for one in parents))


@st.composite
def databases(draw: st.DrawFn) -> Facts:
    tables: list[TableFacts] = []
    for oid in range(1, draw(st.integers(2, 5))):
        tables.append(draw(tables_of(oid, tables)))
    families_of_keys = {"Text", "Integer", "Uuid"}
    ends = [(one.qualified, each) for one in tables for each in one.columns if each.values.family in families_of_keys]
    references = []
    for number in range(draw(st.integers(0, 4)) if ends else 0):
        mine, theirs = draw(st.sampled_from(ends)), draw(st.sampled_from(ends))
        types = [(one.values.family, one.values.is_array) for _, one in (mine, theirs)]
        if types[0] == types[1]:
            references.append(ReferenceFacts(f"fk{number}", mine[0], (mine[1].name,), theirs[0], (theirs[1].name,)))
    return Facts(tuple(tables), tuple(references))


@given(facts=databases(), data=st.data())
@settings(max_examples=300, deadline=None)
def test_whatever_a_database_has_its_suggestion_fits(facts: Facts, data: st.DataObject) -> None:
    evidence = {}
    for table in facts.tables:
        for one in table.columns:
            topic = data.draw(st.none() | TOPICS)
            seen = {topic: 80} if topic else {}
            evidence[table.qualified, one.name] = Evidence(100, data.draw(st.sampled_from([3, 90])), 12, found=seen)
    found = read_back(suggest(facts, evidence), facts)
    assert (found.problems, found.missing) == ((), {})


def test_a_name_of_any_characters_is_read_back() -> None:
    name = "a\n# b: {\t\"'\\ \x1b[31m\u2028\U0001f600é: |"
    table = TableFacts(1, name, name, (column(name), column("null")))
    facts = Facts((table,))
    text = suggest(facts)
    found = rules_file.parsed("rules.yaml", text.encode())
    assert found.tables == {(name, name): {name: Rule("Text", line=7), "null": Rule("Text", line=8)}}
    assert text.count("\n") == 8
    assert decisions.decide(Rules(found.tables), facts).problems == ()
