"""Follows a run to its end, through broken watches, restarts of the API server, and its deletion."""

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from datareplication.cli.api import Api
from datareplication.cli.view.refusals import MissingError
from datareplication.core.kinds import RUN
from datareplication.errors import RightsError, TransientError

WATCH_SECONDS = 30.0
"""A watch is begun anew after this time: a connection that has died without a word costs no more."""

PAUSES = (1.0, 2.0, 4.0, 8.0)
"""Seconds between attempts while the API server does not answer; the last is repeated."""

REFUSED_SECONDS = 60.0
"""An API server that starts refuses everybody until it has read its rules: so a refusal may pass."""


@dataclass(frozen=True)
class Gone:
    """The run was deleted."""


@dataclass(frozen=True)
class TimedOut:
    """The time is over before the run is."""


@dataclass(frozen=True)
class Trouble:
    """The API server does not answer; it is asked again."""

    message: str


News = dict[str, Any] | Gone | TimedOut | Trouble


def follow(api: Api, run: dict[str, Any], seconds_left: Callable[[], float]) -> Iterator[News]:
    """Yield the run's states until it has ended or is gone, or no seconds are left. run: as it was created."""
    metadata, failures, refused_since = run["metadata"], 0, 0.0
    while seconds_left() > 0:
        begun = time.monotonic()
        try:
            for state in _states(api, metadata, seconds_left):
                failures, refused_since = 0, 0.0
                yield state
                if isinstance(state, Gone) or _has_ended(state):
                    return
        except (TransientError, RightsError) as error:
            refused_since = refused_since or begun
            if isinstance(error, RightsError) and time.monotonic() - refused_since > REFUSED_SECONDS:
                raise
            yield Trouble(error.message)
            _sleep(PAUSES[min(failures, len(PAUSES) - 1)], seconds_left)
            failures += 1
            continue
        _sleep(1.0 - (time.monotonic() - begun), seconds_left)  # a watch that ends at once is not begun at once
    yield TimedOut()


def _states(api: Api, metadata: dict[str, Any], seconds_left: Callable[[], float]) -> Iterator[dict[str, Any] | Gone]:
    """Yield the run as it is now, then as it changes, for the length of one watch."""
    namespace, name = metadata["namespace"], metadata["name"]
    try:
        state = api.get(RUN, namespace, name)
    except MissingError:
        yield Gone()
        return
    if state["metadata"]["uid"] != metadata["uid"]:  # somebody has made another run of that name
        yield Gone()
        return
    yield state
    version = state["metadata"]["resourceVersion"]
    yield from api.watch(RUN, namespace, name, version, max(1.0, min(WATCH_SECONDS, seconds_left())))


def _has_ended(state: dict[str, Any]) -> bool:
    return bool((state.get("status") or {}).get("completionTime"))


def _sleep(seconds: float, seconds_left: Callable[[], float]) -> None:
    time.sleep(max(0.0, min(seconds, seconds_left())))
