"""Who owns an object, according to a manifest."""

from datareplication.jobs.model import ownership
from datareplication.jobs.model.ownership import Owned

T, F, U = Owned("table", "s.t", "app"), Owned("routine", "s.f()", "bob"), Owned("table", "s.u", "app")


def test_who_owns_most_is_said_once() -> None:
    found = ownership.grouped([T, F, U])

    assert (found.most, found.others) == ("app", (F,))
    assert [found.owner_of(one.kind, one.identity) for one in (T, F, U)] == ["app", "bob", "app"]


def test_an_object_of_another_kind_has_another_owner() -> None:
    assert ownership.grouped([T, F, U]).owner_of("table", "s.f()") == "app"


def test_a_major_that_quotes_a_word_that_has_become_a_keyword_names_the_same_object() -> None:
    assert ownership.grouped([T, Owned("function", "s.f(json)", "bob"), U]).owner_of("function", 's.f("json")') == "bob"


def test_nobody_owns_what_is_not_there() -> None:
    assert ownership.grouped([]).owner_of("table", "s.t") == ""
