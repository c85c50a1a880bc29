"""What masking rules decide about a database: a rule for every column, or what is wrong."""

from dataclasses import replace

import pytest

from datareplication.jobs.model.masking import decisions, families
from datareplication.jobs.model.masking.facts import ColumnFacts, Facts, ReferenceFacts, TableFacts, UniqueFacts
from datareplication.jobs.model.masking.rules import Default, Rule, Rules

KEEP, NULL = Rule("Keep"), Rule("Null")
USERS, ORDERS = ("app", "users"), ("app", "orders")


def column(name: str, kind: str, *, is_nullable: bool = True) -> ColumnFacts:
    return ColumnFacts(name, kind, families.parsed(kind), is_nullable)


ID = column("id", "integer", is_nullable=False)
EMAIL = column("email", "character varying(80)")
NOTES = column("notes", "text")
PRIMARY = UniqueFacts("users_pkey", ("id",), is_primary=True)
TABLE = TableFacts(1, *USERS, (ID, EMAIL, NOTES), (PRIMARY,))
CHILD = TableFacts(
    2, *ORDERS, (ID, column("user_id", "bigint")), (UniqueFacts("orders_pkey", ("id",), is_primary=True),)
)
REFERENCE = ReferenceFacts("orders_user", ORDERS, ("user_id",), USERS, ("id",))
FACTS = Facts((TABLE,))


def decide(tables: dict[tuple[str, str], dict[str, Rule]], facts: Facts = FACTS, **more: object) -> decisions.Decided:
    return decisions.decide(Rules(tables, **more), facts)  # type: ignore[arg-type]


def test_each_column_gets_its_rule() -> None:
    rules = {"id": KEEP, "email": Rule("Email"), "notes": NULL}
    found = decide({USERS: rules})
    assert (found.masks, found.problems, found.missing) == ({USERS: rules}, (), {})


def test_a_column_without_a_rule_is_missing_and_can_be_pasted() -> None:
    found = decide({USERS: {"email": Rule("Email")}})
    assert found.missing == {USERS: (ID, NOTES)}
    assert decisions.snippet(found.missing) == "tables: {app.users: {id: Keep, notes: Null}}"
    odd = {("app", "it's"): (column("my name", "text"),)}
    assert decisions.snippet(odd) == "tables: {'app.it''s': {'my name': Null}}"


def test_unlisted_null_is_refused_where_a_column_takes_none() -> None:
    found = decide({USERS: {"email": KEEP}}, is_unlisted_null=True)
    assert found.masks[USERS]["notes"] == NULL
    (told,) = found.problems
    assert told.startswith("app.users.id: rule Null gives NULL, which the column does not take (NOT NULL): use Integer")
    assert told.endswith("Truncate or Keep in `tables`, which comes before presets and `unlisted`")


def test_the_first_default_that_fits_counts() -> None:
    defaults = (
        Default("*.secrets.*", "*", NULL),
        Default("em*", "character varying", Rule("Email")),
        Default("*", "*", KEEP),
    )
    assert decide({}, defaults=defaults).masks == {USERS: {"id": KEEP, "email": Rule("Email"), "notes": KEEP}}


@pytest.mark.parametrize(
    ("kind", "options", "told"),
    [
        ("Name", {}, "rule Name does not take the type integer: use Integer"),
        ("Noise", {}, "rule Noise can make two values equal, but users_pkey is unique: use Integer"),
        ("Integer", {"by": ("notes",)}, "can make two values equal"),
        ("Fixed", {"value": "1"}, "can make two values equal"),
        ("Integer", {"by": ("nothing",)}, "names in `by` column nothing, which app.users does not have"),
    ],
)
def test_what_a_key_cannot_take(kind: str, options: dict[str, object], told: str) -> None:
    found = decide({USERS: {"id": Rule(kind, options), "email": KEEP, "notes": KEEP}})  # type: ignore[arg-type]
    assert any(told in problem for problem in found.problems), found.problems


def test_a_column_that_is_too_short() -> None:
    short = replace(TABLE, columns=(ID, column("email", "character varying(20)")))
    found = decide({USERS: {"id": KEEP, "email": Rule("Email")}}, Facts((short,)))
    assert found.problems == (
        "app.users.email: rule Email needs 30 characters, character varying(20) has 20: use Digits or Text",
    )


@pytest.mark.parametrize(
    ("expression", "kind", "is_taken"),
    [("lower(email::text)", "Email", True), ("lower((email)::text)", "Hash", True), ("lower(email::text)", "Digits", False),
     ("substr(email, 1, 3)", "Hash", False), ("lower(email::text)", "Keep", True)],
)  # fmt: skip
def test_an_expression_index(expression: str, kind: str, is_taken: bool) -> None:
    key = UniqueFacts("users_lower", (), ((expression, ("email",)),))
    found = decide({USERS: {"id": KEEP, "email": Rule(kind), "notes": KEEP}}, Facts((replace(TABLE, uniques=(key,)),)))
    assert (found.problems == ()) == is_taken


def test_a_partial_index_and_an_exclusion_constraint() -> None:
    keys = (
        UniqueFacts("live", ("email",), predicate=("notes",)),
        UniqueFacts("apart", ("id",), is_exclusion=True),
    )
    found = decide(
        {USERS: {"id": Rule("Integer"), "email": Rule("Hash"), "notes": NULL}}, Facts((replace(TABLE, uniques=keys),))
    )
    assert [problem.split(": ")[0] for problem in found.problems] == ["app.users.notes", "app.users.id"]


def test_a_digest_by_the_primary_key_is_distinct_and_no_key_that_others_refer_to() -> None:
    keyed = replace(TABLE, uniques=(PRIMARY, UniqueFacts("users_email", ("email",))))
    rules = {"id": KEEP, "email": Rule("Email", {"by": ("id",)}), "notes": KEEP}
    assert decide({USERS: rules}, Facts((keyed,))).problems == ()
    other = {**rules, "email": Rule("Email", {"by": ("notes",)})}
    assert len(decide({USERS: other}, Facts((keyed,))).problems) == 1
    child = replace(CHILD, columns=(ID, column("mail", "text")))
    reference = ReferenceFacts("orders_mail", ORDERS, ("mail",), USERS, ("email",))
    found = decide({USERS: rules, ORDERS: {"id": KEEP}}, Facts((keyed, child), (reference,)))
    assert found.problems == (
        "app.users.email: rule Email has `by`, but foreign key orders_mail refers to the column: leave out `by`",
    )


def test_a_rule_on_a_key_goes_along_its_foreign_keys() -> None:
    facts = Facts((TABLE, CHILD), (REFERENCE,))
    found = decide({USERS: {"id": Rule("Integer"), "email": KEEP, "notes": KEEP}, ORDERS: {"id": KEEP}}, facts)
    assert found.masks[ORDERS]["user_id"] == Rule("Integer", {"from": 0, "to": 2**31 - 1})
    assert found.problems == ()


@pytest.mark.parametrize("other", [KEEP, Rule("Integer"), Rule("Integer", {"domain": "x", "to": 2**31 - 1})])
def test_a_rule_that_contradicts_the_key_is_refused(other: Rule) -> None:
    facts = Facts((TABLE, CHILD), (REFERENCE,))
    found = decide(
        {USERS: {"id": Rule("Integer"), "email": KEEP, "notes": KEEP}, ORDERS: {"id": KEEP, "user_id": other}}, facts
    )
    assert len(found.problems) == 1
    assert "differs from rule Integer of app.users.id, to which foreign key orders_user refers" in found.problems[0]


def test_a_partition_has_its_parents_rules_and_the_partition_key_stays() -> None:
    parent = replace(TABLE, partition_key=("id",))
    child = replace(TABLE, oid=3, name="users_1", parents=(USERS,), partition_key=("id",))
    rules = {"id": Rule("Integer"), "email": Rule("Hash"), "notes": NULL}
    found = decide({USERS: rules}, Facts((parent, child)))
    assert found.masks[("app", "users_1")] == rules
    assert [problem for problem in found.problems if "partition key must be Keep" in problem] == [
        "app.users.id: rule Integer would send rows to another partition: the partition key must be Keep",
    ]
    own = decide({USERS: rules, ("app", "users_1"): {"id": Rule("Integer")}}, Facts((parent, child)))
    assert sum("app.users_1.id: rule Integer would send rows" in problem for problem in own.problems) == 1


def test_a_column_without_a_rule_is_told_once_for_all_partitions() -> None:
    child = replace(TABLE, oid=3, name="users_1", parents=(USERS,), columns=(*TABLE.columns, column("own", "text")))
    found = decide({USERS: {"email": KEEP}}, Facts((TABLE, child)))
    assert {table: [one.name for one in columns] for table, columns in found.missing.items()} == {
        USERS: ["id", "notes"],
        ("app", "users_1"): ["own"],
    }


@pytest.mark.parametrize(
    ("kind", "rule"),
    [
        ("text", "Hash"),
        ("character varying(12)", "Text"),
        ("jsonb", "{rule: Json, paths: {}, unlisted: Null}"),
        ("date", "Keep"),
    ],
)
def test_what_can_be_pasted_gives_nothing_away_where_a_type_has_such_a_rule(kind: str, rule: str) -> None:
    missing = {USERS: (column("c", kind, is_nullable=False),)}
    assert decisions.snippet(missing) == f"tables: {{app.users: {{c: {rule}}}}}"


@pytest.mark.parametrize(
    ("kind", "rule", "told"),
    [
        ("date", "Email", "does not take the type date: use ShiftDate, Truncate, Null or Keep"),
        ("inet", "Hash", "does not take the type inet: use IpAddress, Null or Keep"),
        ("point", "Hash", "does not take the type point: use Fixed, Null or Keep"),
    ],
)
def test_a_rule_for_another_type_names_those_for_this_one(kind: str, rule: str, told: str) -> None:
    table = replace(TABLE, columns=(column("c", kind),), uniques=())
    assert decide({USERS: {"c": Rule(rule)}}, Facts((table,))).problems == (f"app.users.c: rule {rule} {told}",)


def test_only_tables_of_extensions_are_kept_as_such() -> None:
    rules = {USERS: {"id": KEEP, "email": KEEP, "notes": KEEP}}
    found = decide(rules, kept_extension_tables=frozenset({USERS, ("app", "nothing")}))
    assert found.problems == (
        "extensionTables: app.nothing is no table of the source: correct or remove it",
        "extensionTables: app.users is no table of an extension: give its columns rules in `tables`",
    )


def test_names_that_the_source_lacks_are_problems_but_not_tables_that_are_left_out() -> None:
    rules = {
        USERS: {"id": KEEP, "email": KEEP, "notes": KEEP, "nam": Rule("Name", {}, 7)},
        ("app", "left"): {"x": KEEP},
    }
    found = decide(
        {**rules, ("app", "gone"): {"x": Rule("Keep", {}, 9)}}, replace(FACTS, others=frozenset({("app", "left")}))
    )
    assert found.problems == (
        "app.users has no column nam that is copied (line 7): correct or remove it",
        "app.gone (line 9) is no table of the source: correct or remove it",
    )


def test_what_no_rule_masks_needs_a_word() -> None:
    table = replace(TABLE, oid=4, schema="ext", name="rows", extension="postgis")
    rules = {USERS: {"id": KEEP, "email": KEEP, "notes": KEEP}}
    defaults = (Default("*", "*", KEEP),)
    facts = Facts((TABLE, table), has_large_objects=True)
    assert [problem[:40] for problem in decide(rules, facts, defaults=defaults).problems] == [
        "the source has large objects, which no r",
        "ext.rows holds rows of extension postgis",
    ]
    kept = decide(rules, facts, keeps_large_objects=True, kept_extension_tables=frozenset({("ext", "rows")}))
    assert (kept.problems, kept.missing) == ((), {})
    assert all(rule == KEEP for rule in kept.masks[("ext", "rows")].values())


@pytest.mark.parametrize(
    ("rule", "mine", "is_fine"),
    [
        (Rule("Email"), "character varying(40)", False),
        (Rule("Email"), "character varying(80)", True),
        (Rule("Email"), "text", False),
        (Rule("Hash"), "character varying(24)", False),
        (Rule("Hash"), "character varying(40)", True),
        (Rule("Hash", {"length": 20}), "character varying(24)", True),
        (Rule("Digits"), "character varying(40)", True),
    ],
)
def test_columns_of_a_foreign_key_have_room_for_the_same_value(rule: Rule, mine: str, is_fine: bool) -> None:
    users = replace(TABLE, uniques=(PRIMARY, UniqueFacts("users_email", ("email",))))
    orders = replace(CHILD, columns=(ID, column("mail", mine)))
    facts = Facts((users, orders), (ReferenceFacts("orders_mail", ORDERS, ("mail",), USERS, ("email",)),))
    found = decide({USERS: {"id": KEEP, "email": rule, "notes": KEEP}, ORDERS: {"id": KEEP}}, facts)
    assert (not found.problems) is is_fine, found.problems
