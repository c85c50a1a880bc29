"""Starts a run and follows it to its end: what `run` and `rollback` share."""

import secrets
import time
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from typing import Any

from datareplication.cli import waiting
from datareplication.cli.command import Patience
from datareplication.cli.screen import complain
from datareplication.cli.session import READER, Session
from datareplication.cli.view import progress, starting, verdict
from datareplication.cli.view.page import Line
from datareplication.cli.view.progress import Bar
from datareplication.cli.view.refusals import MissingError
from datareplication.cli.view.starting import Wish
from datareplication.core.judgement.causes import unseen
from datareplication.core.judgement.facts import Replication, Run
from datareplication.core.kinds import RUN
from datareplication.errors import TransientError

ALPHABET = "bcdfghjklmnpqrstvwxz2456789"
"""Kubernetes' own for generated names: no word of a natural language comes out."""

INTERRUPTED = 130


def start(session: Session, found: Replication, wish: Wish, patience: Patience) -> int:
    """Make a run; return the exit code."""
    suffix = "".join(secrets.choice(ALPHABET) for _ in range(5))
    raw = _created(session, starting.manifest(found, wish, suffix))
    run = READER.run(raw)
    if session.is_json and not patience.is_waiting:
        session.screen.data(verdict.data(run, raw))
    elif not session.is_json:
        session.screen.show(starting.page(found, run, wish, is_waiting=patience.is_waiting))
    return _to_the_end(session, raw, patience.seconds) if patience.is_waiting else 0


def _created(session: Session, manifest: dict[str, Any]) -> dict[str, Any]:
    """Create the run. Without an answer it may be there all the same; then it is taken, not made twice."""
    metadata = manifest["metadata"]
    try:
        return session.api.create(RUN, manifest)
    except TransientError as error:
        try:
            return session.api.get(RUN, metadata["namespace"], metadata["name"])
        except MissingError:
            raise error from None
        except TransientError:
            raise TransientError(starting.unknown(error.message, manifest)) from None


def _to_the_end(session: Session, raw: dict[str, Any], seconds: float | None) -> int:
    """Follow a run, with bars on a terminal and lines elsewhere; return the exit code."""
    run = READER.run(raw)
    deadline = time.monotonic() + seconds if seconds is not None else None
    shown = _Shown(session, raw)
    try:
        with shown.moving():
            last = shown.follow(raw, lambda: deadline - time.monotonic() if deadline is not None else float("inf"))
    except KeyboardInterrupt:
        complain(starting.interrupted(run))
        return INTERRUPTED
    return _told(session, shown, last, seconds or 0.0)


def _told(session: Session, shown: "_Shown", last: waiting.News, seconds: float) -> int:
    run = shown.run
    if session.is_json:
        session.screen.data(verdict.data(run, shown.raw))
    if isinstance(last, waiting.Gone):
        complain(verdict.gone(run.name))
        return verdict.FAILED
    if isinstance(last, waiting.TimedOut):
        complain(verdict.timed_out(run, seconds))
        return verdict.TIMED_OUT
    if not session.is_json:
        session.screen.show(verdict.page(run))
    return verdict.exit_code(run)


class _Shown:
    """The run as it was seen last, and how it is shown."""

    def __init__(self, session: Session, raw: dict[str, Any]) -> None:
        self.raw = raw
        self.run = READER.run(raw)
        self._session = session
        self._before: Run | None = None
        self._is_moving = session.screen.is_terminal and not session.is_json
        self._trouble = ""
        self._is_told = False

    def moving(self) -> AbstractContextManager[None]:
        """Return the block in which bars move, where there is a terminal."""
        return self._session.screen.live(self._look) if self._is_moving else nullcontext()

    def _look(self) -> tuple[Line, tuple[Bar, ...]]:
        return progress.title(self.run, self._session.now, self._trouble), progress.bars(self.run, self._session.now)

    def follow(self, raw: dict[str, Any], seconds_left: Callable[[], float]) -> waiting.News:
        """Follow the run; return the last news."""
        last: waiting.News = raw
        for last in waiting.follow(self._session.api, raw, seconds_left):
            if isinstance(last, waiting.Trouble):
                self._say_trouble(last.message)
            elif isinstance(last, dict):
                self._trouble = ""
                self.raw = last
                self._see(READER.run(last))
        return last

    def _say_trouble(self, message: str) -> None:
        message = message.removesuffix("; try again")  # that is done here
        if not self._is_moving and not self._trouble:
            complain(f"{message} (the run goes on; asking again)")
        self._trouble = message

    def _see(self, run: Run) -> None:
        before, self._before, self.run = self._before, run, run
        if not self._is_told and (told := unseen(run, self._session.now)):
            self._is_told = True
            complain(told.replace("`", ""))
        if not self._is_moving and not self._session.is_json:
            for line in progress.changes(before, run, self._session.now):
                self._session.screen.show((line,))
