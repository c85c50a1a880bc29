"""The programs' interface: arguments and environment."""

import argparse
import re

import pytest

from datareplication.errors import UsageError
from datareplication.jobs.commands import dump as dump_command
from datareplication.jobs.commands import load as load_command
from datareplication.jobs.commands import mask as mask_command
from datareplication.jobs.load.steps import refuse_unsupported
from datareplication.jobs.model import settings
from datareplication.jobs.model.connections import Connection

SOURCE = {"PROD_DB_CONNECTION": "host=db dbname=app", "PROD_DB_USERNAME": "reader", "PROD_DB_PASSWORD": "s3cret-word"}
TARGET = {"QA_EU_DB_CONNECTION": "host=qa dbname=app", "QA_EU_DB_USERNAME": "loader", "QA_EU_DB_PASSWORD": "s3cret"}
PLACE = {"CSV_OUTPUT_PATH": "/snapshots/a/b"}


def test_a_dump_needs_nothing_but_the_variables() -> None:
    given = dump_command.parse([], {**SOURCE, **PLACE})
    assert (str(given.output), given.workers, given.compression) == ("/snapshots/a/b", 4, "Zstd")
    assert given.source == Connection("PROD", "host=db dbname=app", "reader", "s3cret-word")
    assert (given.run.uid, given.run.timeout_seconds, given.checksum) == ("", None, False)


def test_a_dump_with_everything() -> None:
    arguments = [
        *("--output", "/elsewhere", "--workers", "8", "--compression", "None", "--run-name", "r", "--run-uid", "u"),
        *("--replication-name", "prod", "--timeout-seconds", "60", "--data-interval-start", "2024-01-01T00:00:00Z"),
        *("--data-interval-end", "2024-01-02T00:00:00+01:00", "--include", "a.*", "--include", "b.*"),
        *("--exclude", "c.*", "--schema-only", "d.*"),
    ]
    given = dump_command.parse(arguments, {**SOURCE, **PLACE})
    assert (str(given.output), given.workers, given.compression) == ("/elsewhere", 8, "None")
    assert given.run == settings.RunSettings("r", "u", "prod", 60)
    assert (given.include, given.exclude, given.schema_only) == (("a.*", "b.*"), ("c.*",), ("d.*",))


def test_a_load_reads_the_variables_of_its_target() -> None:
    given = load_command.parse(["--target", "qa-eu"], {**TARGET, **PLACE})
    assert given.target == Connection("QA_EU", "host=qa dbname=app", "loader", "s3cret")
    assert (str(given.input), given.strategy, given.workers, given.verify) == ("/snapshots/a/b", "Swap", 2, "Rows")
    assert (given.keep_previous, given.overwrite, given.maintenance_database) == (1, "OnlyManaged", "postgres")
    assert given.is_physical_clone_of_source is False
    assert (given.owners, given.grants, given.after_load) == ("Keep", "Keep", None)
    refuse_unsupported(given)


@pytest.mark.parametrize(
    ("arguments", "environment", "named"),
    [
        ([], {**SOURCE}, "CSV_OUTPUT_PATH"),
        ([], {**PLACE}, "PROD_DB_CONNECTION, PROD_DB_USERNAME, PROD_DB_PASSWORD"),
        ([], {**SOURCE, **PLACE, "PROD_DB_USERNAME": ""}, "PROD_DB_USERNAME is empty"),
        (["--masking", ""], {**SOURCE, **PLACE}, "--masking is empty"),
        (["--masking", "rules.yaml"], {**SOURCE, **PLACE}, "MASKING_KEY must hold the masking key"),
        (["--workers", "0"], {**SOURCE, **PLACE}, "--workers"),
        (["--workers", "many"], {**SOURCE, **PLACE}, "--workers"),
        (["--timeout-seconds", "10000000000"], {**SOURCE, **PLACE}, "--timeout-seconds"),
        (["--lock-timeout-seconds", "9" * 5000], {**SOURCE, **PLACE}, "--lock-timeout-seconds"),
        (["--max-age-days", "9" * 12], {**SOURCE, **PLACE}, "--max-age-days"),
        (["--run-name", "x" * 1001], {**SOURCE, **PLACE}, "--run-name"),
        (["--compression", "Lz4"], {**SOURCE, **PLACE}, "--compression"),
        (["--data-interval-start", "yesterday"], {**SOURCE, **PLACE}, "--data-interval-start"),
        (["--data-interval-end", "2024-01-01T00:00:00"], {**SOURCE, **PLACE}, "--data-interval-end"),
        (["--output", "/"], {**SOURCE}, "--output"),
        (["--output", "a/.."], {**SOURCE}, "--output"),
        (["--unknown"], {**SOURCE, **PLACE}, "--unknown"),
        (["--work", "3"], {**SOURCE, **PLACE}, "--work"),
    ],
)
def test_a_bad_dump_is_refused_by_name(arguments: list[str], environment: dict[str, str], named: str) -> None:
    with pytest.raises(UsageError) as refused:
        dump_command.parse(arguments, environment)
    assert named in refused.value.message
    assert refused.value.exit_code == 64


@pytest.mark.parametrize("name", ["Prod", "a_b", "-a", "a-", "", "a b", "ä"])
def test_a_targets_name_is_a_dns_label(name: str) -> None:
    with pytest.raises(UsageError, match="--target"):
        load_command.parse(["--target", name], {**TARGET, **PLACE})


def test_a_target_is_required() -> None:
    with pytest.raises(UsageError, match="--target"):
        load_command.parse([], {**TARGET, **PLACE})


def test_a_password_is_not_in_a_repr() -> None:
    assert "s3cret" not in repr(dump_command.parse([], {**SOURCE, **PLACE}))


@pytest.mark.parametrize("parser", [dump_command.parser(), load_command.parser()], ids=["dump", "load"])
def test_help_names_every_variable_and_exit_code(parser: argparse.ArgumentParser) -> None:
    text = parser.format_help()
    for name in ("CSV_OUTPUT_PATH", "_DB_CONNECTION", "_DB_USERNAME", "_DB_PASSWORD", "TERMINATION_MESSAGE_PATH"):
        assert name in text
    for code in (0, 64, 65, 69, 73, 75, 77, 78):
        assert str(code) in text


def test_the_help_of_mask_names_every_variable_and_exit_code() -> None:
    text = mask_command.parser().format_help()
    for name in ("PROD_DB_CONNECTION", "PROD_DB_USERNAME", "PROD_DB_PASSWORD", "MASKING_KEY"):
        assert name in text
    for code in (0, 64, 65, 69, 75, 77):
        assert str(code) in text


@pytest.mark.parametrize(
    ("arguments", "environment", "named"),
    [
        (["suggest"], {}, "PROD_DB_CONNECTION, PROD_DB_USERNAME, PROD_DB_PASSWORD"),
        (["suggest", "--language", "xx"], SOURCE, "--language"),
        (["suggest", "--output", "/"], SOURCE, "/ exists already"),
        (["suggest", "--output", "/nowhere/rules.yaml"], SOURCE, "/nowhere is no directory"),
        (["suggest", "--include", "users"], SOURCE, "must be schema.table"),
        (["check"], SOURCE, "--masking"),
        (["check", "--masking", ""], SOURCE, "--masking is empty"),
        (["check", "--masking", "x", "--mas", "y"], SOURCE, "unrecognized arguments: --mas y"),
        (["preview", "--masking", "x", "--table", "users"], SOURCE, "--table 'users' must be schema.table"),
        (["preview", "--masking", "x", "--table", "a.b"], {**SOURCE, "MASKING_KEY": "short"}, "MASKING_KEY"),
        ([], SOURCE, "COMMAND"),
    ],
)
def test_what_is_wrong_with_arguments_of_mask_is_named(
    arguments: list[str], environment: dict[str, str], named: str
) -> None:
    with pytest.raises(UsageError, match=re.escape(named)):
        mask_command.run(arguments, environment)
