"""How fast bytes are copied, and how long the rest will take."""

from datareplication.jobs.model.pace import Pace


def paced(*marks: tuple[float, int]) -> Pace:
    pace = Pace()
    for now, done in marks:
        pace.mark(now, done)
    return pace


def test_nothing_is_said_before_there_is_a_second_to_judge_by() -> None:
    assert paced((0, 0)).bytes_per_second(0.5, 100) == 0
    assert paced((0, 0)).seconds_left(0.5, 100, 200) is None


def test_the_rate_is_of_the_last_half_minute() -> None:
    fast_then_slow = paced(
        *((second, 1000 * second) for second in range(30)), *((30 + s, 30_000 + s) for s in range(31))
    )
    assert fast_then_slow.bytes_per_second(60, 30_030) == 1


def test_the_time_left_follows_from_it() -> None:
    pace = paced((0, 0), (10, 1000))
    assert pace.seconds_left(10, 1000, 3000) == 20
    assert pace.seconds_left(10, 1000, 1000) is None  # done, or more than was expected
    assert pace.seconds_left(10, 1000, 0) is None  # nobody knows how much there is
