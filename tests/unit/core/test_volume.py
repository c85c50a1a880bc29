"""What a run meets of the snapshots' claim."""

from typing import Any

import pytest

from datareplication.core import volume
from datareplication.core.volume import Volume
from support.samples import MINIMAL, a_run

TEMPLATE = {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Gi"}}}
FROM_TEMPLATE: dict[str, Any] = MINIMAL | {"snapshot": {"volumeClaimTemplate": TEMPLATE}}
MISSING = Volume("r-snapshots", exists=False)


@pytest.mark.parametrize(
    ("modes", "expected"),
    [
        (["ReadWriteMany"], Volume("c", exists=True)),
        (["ReadWriteMany", "ReadWriteOnce"], Volume("c", exists=True)),
        (["ReadWriteOnce"], Volume("c", exists=True, is_single_node=True)),
        (["ReadWriteOncePod"], Volume("c", exists=True, is_single_node=True, is_single_pod=True)),
        ([], Volume("c", exists=True)),
    ],
)
def test_who_may_mount_it(modes: list[str], expected: Volume) -> None:
    assert volume.from_claim("c", {"spec": {"accessModes": modes}}) == expected


def test_no_claim_is_waited_for() -> None:
    assert volume.from_claim("c", None) == Volume("c", exists=False)


def test_only_a_dump_makes_the_claim_of_a_template() -> None:
    made = volume.claim_to_make(a_run("a", replication=FROM_TEMPLATE), MISSING)
    assert made is not None
    assert made["metadata"]["name"] == "r-snapshots"
    load = a_run("a", replication=FROM_TEMPLATE, action="Load", snapshot="r/b/prod")
    assert volume.claim_to_make(load, MISSING) is None
    assert volume.claim_to_make(a_run("a"), MISSING) is None, "a claim that is named is its maker's"
    there = Volume("r-snapshots", exists=True)
    assert volume.claim_to_make(a_run("a", replication=FROM_TEMPLATE), there) is None


def test_what_was_seen_is_of_use_while_it_is_the_claim_of_the_run() -> None:
    run = a_run("a", replication=FROM_TEMPLATE)
    assert volume.is_usable(Volume("r-snapshots", exists=True), run)
    assert not volume.is_usable(MISSING, run)
    assert not volume.is_usable(Volume("snapshots", exists=True), run)


def test_a_refusal_names_the_field() -> None:
    assert volume.refused("r-snapshots", "exceeded quota").problem == (
        "spec.snapshot.volumeClaimTemplate: exceeded quota"
    )
