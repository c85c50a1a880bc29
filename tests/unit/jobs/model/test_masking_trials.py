"""What is tried on masked samples, and how its result is told."""

from dataclasses import replace

import pytest

from datareplication.jobs.model.masking import families, trials, unmasked
from datareplication.jobs.model.masking.masking import Mask
from datareplication.jobs.model.masking.rules import Rule
from datareplication.jobs.model.masking.trials import Condition, Kind, Sample, Target
from datareplication.jobs.model.masking.unmasked import Unmasked
from datareplication.jobs.model.tables import Table

TABLE = Table(1, "app", "users", "Table", False, 10_000, 80_000_000, 1_000_000, ())
TEXT = families.parsed("text")
MASKS = (
    Mask("mail", Rule("Email", line=3), TEXT),
    Mask("kept", Rule("Keep", line=4), TEXT),
    Mask("name", Rule("Name", {"by": ("id",)}), TEXT),
)


def condition(kind: Kind, name: str, *reads: str, is_safe: bool = True, owner: str = "") -> Condition:
    return Condition(1, kind, name, owner, "true", "text", reads, is_safe)


def test_only_what_a_mask_reaches_is_tried() -> None:
    reached = condition("Check", "reached", "kept", "mail")
    through = condition("Check", "through", "made")
    made = condition("Generated", "made", "name")
    trial = trials.planned(
        TABLE,
        MASKS,
        [
            reached,
            through,
            made,
            condition("Generated", "stored", "kept"),
            condition("Check", "not reached", "kept", "stored"),
            condition("Check", "unsafe", "kept", is_safe=False),
        ],
    )
    assert (trial.checks, trial.generated, trial.stored, trial.untried) == (
        (reached, through),
        (made,),
        ("stored",),
        (),
    )
    assert trial.targets == (
        Target("mail"),
        Target("name"),
        *(Target(condition=one) for one in (made, reached, through)),
    )


def test_what_runs_code_of_users_is_named_instead() -> None:
    unsafe = condition("Check", "unsafe", "mail", is_safe=False)
    made = condition("Generated", "made", "name", is_safe=False)
    reading = condition("Check", "reading", "made")
    domain = condition("Domain", "word_check", "mail", is_safe=False, owner="app.word")
    trial = trials.planned(TABLE, MASKS, [unsafe, made, reading, domain])
    assert (trial.checks, trial.generated) == ((), ())
    assert list(trials.untried(trial)) == [
        "app.users: generated column made",
        "app.users: CHECK unsafe",
        "app.users: CHECK reading",
        "app.users: CHECK word_check of domain app.word",
    ]


def test_a_value_whose_making_runs_code_of_users_is_refused() -> None:
    found = [
        condition("Made", "word_check", "mail", is_safe=False, owner="app.word"),
        condition("Made", "fine", "mail", owner="app.fine"),
        condition("Made", "word_check", "kept", is_safe=False, owner="app.word"),
        condition("Cast", "", "id", is_safe=False, owner="app.id"),
    ]
    trial = trials.planned(TABLE, MASKS, found)
    why = "as the dump's role, and that may be code of users: use Null or Keep"
    assert list(trials.refusals(trial)) == [
        f"app.users.mail: rule Email (line 3) would run CHECK word_check of domain app.word {why}",
        f"app.users.name: rule Name would run a cast of type app.id {why}",
    ]
    nulls = tuple(replace(mask, rule=Rule("Null")) for mask in MASKS)
    assert trials.planned(TABLE, nulls, found).refused == ()


def test_problems_name_object_rules_and_remedy() -> None:
    check, made = condition("Check", "c", "made", "mail"), condition("Generated", "made", "name", "kept")
    trial = trials.planned(TABLE, MASKS, [check, made])
    reads = "it reads name (rule Name): use another rule, or Keep"
    assert trials.violated(trial, check) == (
        "app.users: CHECK c is violated by masked rows; it reads mail (rule Email, line 3), name (rule Name): "
        "use another rule, or Keep"
    )
    state = "DivisionByZero, SQLSTATE 22012"
    assert trials.failed(trial, Target(condition=made), state) == (
        f"app.users: generated column made cannot be computed of masked rows ({state}); {reads}"
    )
    assert trials.failed(trial, Target("mail"), state) == (
        f"app.users.mail: rule Email (line 3) cannot be computed for rows of the table ({state}): "
        "correct it, use another rule, or Keep"
    )
    assert trials.depends(Target(condition=check), [Target(condition=made)])
    assert not trials.depends(Target("name"), [Target("mail")])


def test_a_table_with_a_problem_is_not_tried() -> None:
    assert not trials.is_clear(TABLE, ["app.users.mail: rule Email does not take the type date"])
    assert trials.is_clear(TABLE, ["app.users2.mail: rule Email does not take the type date"])


@pytest.mark.parametrize(
    ("blocks", "rows", "sample"),
    [
        (0, 0, Sample(1000)),
        (10, 1000, Sample(1000)),
        (10_000, 1_000_000, Sample(1000, 0.12)),
        (10_000, 100_000_000, Sample(1000, 0.1)),
        (10_000, 0, Sample(1000, 1.0)),
        (10_000, 10_000, Sample(1000, 12.0)),
        (10_000, 100, Sample(1000)),
    ],
)
def test_a_sample_reads_few_blocks_of_a_large_table(blocks: int, rows: int, sample: Sample) -> None:
    found = trials.sample(replace(TABLE, blocks=blocks, estimated_rows=rows), 1000)
    assert (found.rows, found.percent and round(found.percent, 6)) == (sample.rows, sample.percent)


def test_all_samples_together_stay_small() -> None:
    one = trials.planned(TABLE, MASKS, [])
    assert [trials.rows_of_each([one] * count) for count in (1, 50, 100, 5000)] == [1000, 1000, 500, 50]


def test_what_is_not_masked_is_told_in_few_words_and_listed_up_to_a_limit() -> None:
    found = {"functions": ["app.f()"], "defaults": ["app.t.a", "app.t.b"], "comments": ["x" * 2000] * 101}
    listed = unmasked.listed(found)
    assert listed == (
        Unmasked("defaults", 2, ("app.t.a", "app.t.b")),
        Unmasked("comments", 101, ("x" * 1000,) * 100),
        Unmasked("functions", 1, ("app.f()",)),
    )
    assert unmasked.describe(listed) == "text in 2 defaults, 101 comments, 1 function"
    assert unmasked.describe(()) == ""
