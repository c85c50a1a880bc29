"""The lease: whoever may write is alone, whatever requests take and however clocks differ."""

from dataclasses import dataclass, field

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from datareplication.core import lease
from datareplication.core.lease import Election, Lease, Timing

TIMING = Timing(12)


def election(identity: str = "a") -> Election:
    return Election(identity, TIMING)


def held_by(holder: str, version: str = "1", seconds: float = 12.0) -> Lease:
    return Lease(version, holder, seconds, 0)


class TestOne:
    def test_a_lease_that_was_never_read_is_not_free(self) -> None:
        assert election().free_in(1000.0) > 0

    @pytest.mark.parametrize(
        ("seen", "free_in"),
        [
            pytest.param(held_by(""), 0.0, id="given back"),
            pytest.param(held_by("a"), 0.0, id="our own"),
            pytest.param(held_by("b"), 12.0, id="another's"),
            pytest.param(held_by("b", seconds=60.0), 60.0, id="another's, who promised to keep it longer"),
            pytest.param(held_by("b", seconds=3.0), 12.0, id="another's, who promised less than we wait"),
            pytest.param(None, 12.0, id="not there: its holder may not know yet"),
        ],
    )
    def test_when_it_is_free(self, seen: Lease | None, free_in: float) -> None:
        assert election().after_reading(seen, 100.0).free_in(100.0) == free_in

    def test_a_renewal_starts_the_wait_anew_and_reading_the_same_does_not(self) -> None:
        first = election().after_reading(held_by("b"), 100.0)
        assert first.after_reading(held_by("b"), 105.0).free_in(105.0) == 7.0
        assert first.after_reading(held_by("b", "2"), 105.0).free_in(105.0) == 12.0

    def test_the_holder_may_write_from_before_it_asked_and_stops_before_the_end(self) -> None:
        held = election().after_writing(held_by("a"), sent_at=100.0)
        assert held.held_until == 110.0
        assert held.after_losing().held_until < 0

    @pytest.mark.parametrize("there", [0.0, 2.0, 5.0])
    @pytest.mark.parametrize("back", [0.0, 3.0])
    def test_another_may_take_it_no_sooner_than_the_margin_after_its_holder_stopped(
        self, there: float, back: float
    ) -> None:
        held = election().after_writing(held_by("a"), sent_at=100.0)
        first_seen = election("b").after_reading(held_by("a"), 100.0 + there + back)
        assert first_seen.free_in(held.held_until) >= TIMING.margin_seconds

    def test_what_is_written(self) -> None:
        seen = election().after_reading(Lease("7", "b", 12.0, 3), 0.0)
        assert seen.claim("now") == {
            "metadata": {"resourceVersion": "7"},
            "spec": {
                "holderIdentity": "a",
                "leaseDurationSeconds": 12,
                "renewTime": "now",
                "acquireTime": "now",
                "leaseTransitions": 4,
            },
        }
        renewing = election().after_writing(Lease("8", "a", 12.0, 4), 0.0)
        assert set(renewing.claim("now")["spec"]) == {"holderIdentity", "leaseDurationSeconds", "renewTime"}
        assert renewing.release("now")["spec"]["holderIdentity"] is None

    def test_a_lease_object_is_read_and_what_is_missing_counts_as_free(self) -> None:
        spec = {"holderIdentity": "b", "leaseDurationSeconds": 15, "leaseTransitions": 2}
        assert lease.read({"metadata": {"resourceVersion": "5"}, "spec": spec}) == Lease("5", "b", 15.0, 2)
        assert lease.read({"metadata": {"resourceVersion": "5"}}) == Lease("5", "", 0.0, 0)


@dataclass
class Process:
    """One process with a clock of its own offset, and its requests under way."""

    election: Election
    offset: float

    def now(self, moment: float) -> float:
        return moment + self.offset


@dataclass
class Server:
    """The Lease as the API server has it."""

    lease: Lease = field(default_factory=lambda: Lease("0", "", 0.0, 0))

    def claim(self, one: Process) -> Lease | None:
        """Write if it is still the one that was seen."""
        if one.election.lease is None or one.election.lease.version != self.lease.version:
            return None
        self.lease = Lease(str(int(self.lease.version) + 1), one.election.identity, 12.0, self.lease.transitions)
        return self.lease


PAUSES = [0.0, 0.0, 0.0, 1.0, 9.5, 12.0]
STEPS = st.lists(
    st.tuples(
        st.sampled_from([0, 1]),
        st.sampled_from(["read", "claim", "claim", "lost answer"]),
        st.sampled_from(PAUSES),
        st.sampled_from([0.0, 0.0, 3.0]),
        st.sampled_from([0.0, 0.0, 3.0]),
    ),
    min_size=30,
    max_size=30,
)


@settings(max_examples=200, deadline=None)
@given(st.tuples(st.integers(-1000, 1000), st.integers(-1000, 1000)), STEPS)
def test_never_may_two_write(offsets: tuple[int, int], steps: list[tuple[int, str, float, float, float]]) -> None:
    """Requests and answers take their time or get lost; pauses are of any length; clocks agree on nothing but speed."""
    server, moment = Server(), 0.0
    processes = [Process(Election(str(number), TIMING), offset) for number, offset in enumerate(offsets)]
    for number, what, pause, there, back in steps:
        moment += pause
        one = processes[number]
        if what == "read":
            one.election = one.election.after_reading(server.lease, one.now(moment + there + back))
            moment += there + back
        elif one.election.free_in(one.now(moment)) <= 0:
            sent_at = one.now(moment)
            moment += there
            written = server.claim(one)
            moment += back
            if written is not None and what != "lost answer":
                one.election = one.election.after_writing(written, sent_at)
        writing = [each for each in processes if each.election.held_until > each.now(moment)]
        assert len(writing) <= 1, [each.election for each in writing]
