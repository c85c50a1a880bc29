"""The import contracts are there: `make contracts` holds only those that it finds."""

import configparser
from pathlib import Path

CONTRACTS = {
    "cli-apart",
    "cli-needs-little",
    "cli-view-is-pure",
    "core-is-pure",
    "decisions-are-pure",
    "model-is-pure",
    "model-knows-of-core",
    "one-client",
    "one-driver",
    "one-judgement",
    "one-terminal",
    "rooms",
    "shells-apart",
    "strategies-apart",
}


def test_no_contract_has_gone() -> None:
    found = configparser.ConfigParser()
    assert found.read(Path(__file__).parents[2] / ".importlinter")
    sections = {name.removeprefix("importlinter:contract:") for name in found.sections() if ":" in name}
    assert sections == CONTRACTS
    assert found.getboolean("importlinter:contract:rooms", "exhaustive"), "a new room has a floor"
