"""Targets on one server with one role, which load the same snapshot: each load's arguments about the others."""

from support.programs import Programs

SUFFIXES = ("a", "b", "c")


def arguments(family: dict[str, Programs], suffix: str) -> list[str]:
    others = [programs.database for other, programs in family.items() if other != suffix]
    return [word for name in others for word in ("--sibling-database", name)]
