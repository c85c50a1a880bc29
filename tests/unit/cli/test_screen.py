"""What reaches a terminal or a file: strangers' words are text there, whatever they are."""

import io
import re
from collections.abc import Mapping
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from rich.console import Console

from datareplication.cli.screen import Screen, moving, on_paper
from datareplication.cli.session import READER
from datareplication.cli.view import history, logs, overview, progress, verdict, why
from datareplication.cli.view.page import Page, line
from support import plugin
from support.plugin import NOW

NASTY = "\x1b]0;owned\x07\x1b[2J[bold red]x[/] \u202e\u2066\r\nline:smile:\t\x9b31m"
COLOUR = re.compile(r"\x1b\[[\d;]*m")


def on_terminal(page: Page, **environment: str) -> str:
    file = io.StringIO()
    console = Console(
        file=file, force_terminal=True, width=200, markup=False, highlight=False, emoji=False, _environ={"TERM": "xterm-256color", **environment}
    )  # fmt: skip
    Screen(console).show(page)
    return file.getvalue()


def with_words(value: Any, words: str) -> Any:
    """Return an object in which every free text is a stranger's."""
    if isinstance(value, Mapping):
        return {key: words if key in FREE else with_words(part, words) for key, part in value.items()}
    return [with_words(part, words) for part in value] if isinstance(value, list) else value


FREE = ("message", "reason", "run", "cron", "timeZone", "targetsSummary", "note", "pod", "duration")


def pages(raw: Any, runs: list[Any]) -> list[Page]:
    """Return every page about a DataReplication and its runs."""
    found = plugin.subject(raw, runs)
    of_runs = [
        block
        for run in found.runs
        for block in (*progress.page(run, NOW), *verdict.page(run), *progress.changes(None, run, NOW))
    ]
    return [
        overview.several([found.one], NOW, with_namespace=True),
        overview.one(found, NOW),
        why.page(found, why.answer(found, NOW)),
        history.page(found, NOW),
        tuple(of_runs),
    ]  # fmt: skip


@settings(max_examples=20)
@given(st.text() | st.just(NASTY))
@example(NASTY)
def test_strangers_words_stay_text(words: str) -> None:
    raw, runs = (
        with_words(plugin.replication(), words),
        [with_words(plugin.night(), words), *(with_words(one, words) for one in plugin.states())],
    )
    for page in pages(raw, runs):
        paper = on_paper(page)
        assert paper.replace("\n", "").isprintable()
        assert COLOUR.sub("", on_terminal(page)).replace("\n", "").isprintable()


def test_markup_and_emoji_are_shown_as_they_are() -> None:
    assert on_paper((line("[bold red]x[/] :smile: [link=http://x]y[/link]"),)) == (
        "[bold red]x[/] :smile: [link=http://x]y[/link]\n"
    )


ANY_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5) | st.just(NASTY),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=5,
)


@st.composite
def odd(draw: st.DrawFn, raw: Any) -> Any:
    """Return an object of which some part, at any depth, is any JSON at all."""
    if not isinstance(raw, dict | list) or not raw or draw(st.integers(0, 5)) == 0:
        return draw(ANY_JSON)
    keys = list(raw) if isinstance(raw, dict) else range(len(raw))
    chosen = draw(st.sampled_from(list(keys)))
    changed = draw(odd(raw[chosen]))
    if isinstance(raw, dict):
        return {**raw, chosen: changed}
    return [changed if place == chosen else item for place, item in enumerate(raw)]


@given(odd(plugin.replication()), odd(plugin.night()))
def test_objects_of_any_form_are_shown(raw: Any, run: Any) -> None:
    whole = raw if isinstance(raw, dict) else {}
    named = {**(run if isinstance(run, dict) else {})}
    for page in pages(whole, [named]):
        assert on_paper(page).replace("\n", "").isprintable()


@given(st.text() | st.just(f'{{"message": "{NASTY}", "level": "\\u001b[2J"}}'))
def test_a_log_of_any_form_is_shown(text: str) -> None:
    paper = on_paper((logs.shown(text),))
    assert paper.replace("\n", "").isprintable()
    assert paper.count("\n") == 1


def test_a_terminal_has_colours() -> None:
    page = overview.several([plugin.the_replication().one], NOW, with_namespace=False)
    assert "\x1b[33mPartiallyFailed" in on_terminal(page)


@pytest.mark.parametrize("environment", [{"NO_COLOR": "1"}, {"TERM": "dumb"}])
def test_colours_can_be_switched_off(environment: dict[str, str]) -> None:
    page = overview.several([plugin.the_replication().one], NOW, with_namespace=False)
    assert not re.search(r"\x1b\[(?:[\d;]*;)?(?:3[0-7]|9[0-7])", on_terminal(page, **environment))


def test_no_line_is_broken_without_a_terminal() -> None:
    assert on_paper((line("x " * 2000),)).count("\n") == 1


def test_no_line_ends_with_blanks_without_a_terminal() -> None:
    assert not re.search(r" $", on_paper(overview.one(plugin.the_replication(), NOW)), re.MULTILINE)


def test_bars_stay_in_their_lines_whatever_they_say() -> None:
    run = READER.run(with_words(plugin.states()[2], NASTY * 50))
    file = io.StringIO()
    Console(file=file, width=80, color_system=None).print(
        moving(progress.title(run, NOW, NASTY), progress.bars(run, NOW))
    )
    written = file.getvalue()
    assert written.replace("\n", "").isprintable()
    assert "━" in written
    assert all(len(one) <= 80 for one in written.splitlines())


def test_a_long_message_is_cut_before_names_and_bars() -> None:
    raw = plugin.states()[2]
    raw["status"]["dump"] |= {"reason": "WaitsForLock", "message": "a long message " * 50}
    run, file = READER.run(raw), io.StringIO()
    Console(file=file, width=90, color_system=None).print(moving(progress.title(run, NOW), progress.bars(run, NOW)))
    dump, dev = file.getvalue().splitlines()[-2:]
    assert re.fullmatch(r"dump  ━{11}╸ +Running  copying rows, 24/42 tables, .*…", dump)
    assert re.fullmatch(r"dev +Waiting", dev.rstrip())
