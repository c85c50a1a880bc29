"""What docs/kubectl-plugin.md shows is what the plugin answers, and each command says what it stands for."""

import re
from pathlib import Path

import click
import pytest

from datareplication.cli import main
from datareplication.cli.view import verdict
from datareplication.errors import CapabilityError, RightsError, TransientError, UsageError
from support import pictures, plugin

PAGE = (Path(__file__).parents[3] / "docs" / "kubectl-plugin.md").read_text()
SHOWN = dict(re.findall(r"^```console\n\$ kubectl datareplication (.+)\n((?:.|\n)*?)\n```$", PAGE, re.MULTILINE))


def test_every_sample_is_shown() -> None:
    assert SHOWN.keys() == plugin.SAMPLES.keys()


@pytest.mark.parametrize("command", plugin.SAMPLES)
def test_a_command_answers_what_the_page_shows(command: str) -> None:
    assert SHOWN[command] == plugin.shown(command)


@pytest.mark.parametrize("name", main.COMMANDS)
def test_a_command_says_which_command_of_kubectl_it_stands_for(name: str) -> None:
    made = main.group.get_command(click.Context(main.group), name)
    assert made is not None
    assert made.name == name
    assert "kubectl" in (made.epilog or "")
    assert f"`{name}`" in PAGE or f"datareplication {name}" in PAGE


def test_the_exit_codes_are_those_of_the_page() -> None:
    rows = dict(re.findall(r"^\| (\d+) \| (.+) \|$", PAGE, re.MULTILINE))
    codes = {verdict.SUCCEEDED, verdict.FAILED, verdict.PARTIALLY_FAILED, verdict.TIMED_OUT, main.INTERRUPTED}
    assert rows.keys() == {str(code) for code in codes}
    for error in (UsageError, CapabilityError, TransientError, RightsError):
        assert re.search(rf"\b{error.exit_code}\b", PAGE)


@pytest.mark.parametrize("name", pictures.PICTURES)
def test_a_picture_is_what_the_code_draws(name: str) -> None:
    drawn = pictures.drawn(name)
    assert (pictures.FOLDER / name).read_text(encoding="utf-8") == drawn, "make pictures-terminal"
    assert f"pictures/{name}" in PAGE
    assert "url(http" not in drawn
    assert len(drawn) < 20_000
