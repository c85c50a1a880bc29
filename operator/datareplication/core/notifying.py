"""What becomes of notices: (old status, new status, deliveries, now) -> status with its outbox, and what to send. Pure.

The outbox is a part of the status that causes its notices and is written with it, so a kill loses none and makes none
twice. Deliveries come back as results, which the next write records.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from itertools import accumulate
from typing import Any

from datareplication.core import delivery, notices, plain, subscriptions, times
from datareplication.core.names import Key, key_of
from datareplication.core.outbox import Delivery, Notice, Notifications
from datareplication.core.pods import Why
from datareplication.core.run import Run
from datareplication.core.schedule import Decision
from datareplication.core.sinks import Sink
from datareplication.core.state import Condition, ReplicationStatus, with_conditions
from datareplication.core.subscriptions import Notification

WAITING_LIMIT = 50
"""Notices that may wait: a sink that is dead for a day must not fill the object."""

BYTES_LIMIT = 400_000
"""Bytes of the notices that may wait: etcd takes 1.5 MB, and the rest of the status needs room as well."""

HISTORY_LIMIT = 10
"""Notices that are kept when nothing waits for them any more."""

NOTIFIED = "Notified"

Results = Mapping[tuple[str, str], Delivery]
"""(id of the notice, name of the sink) -> how far its delivery is."""


@dataclass(frozen=True)
class Happened:
    """What a look at a DataReplication has found, besides its status."""

    replication: Mapping[str, Any]
    runs: tuple[Run, ...] = ()
    beside: tuple[Run, ...] = ()
    """Runs that are being ended."""
    decision: Decision = field(default_factory=Decision)


@dataclass(frozen=True)
class Post:
    """Who may be told, at one moment, of a DataReplication of a namespace."""

    namespace: str
    wanted: tuple[Notification, ...]
    known: Mapping[str, Sink]
    now: datetime

    def sink(self, name: str) -> Sink | None:
        """Return a sink that this DataReplication may use."""
        sink = self.known.get(name)
        return sink if sink is not None and sink.is_for(self.namespace) else None


@dataclass(frozen=True)
class Parcel:
    """One notice for one sink."""

    key: Key
    notice: Notice
    sink: Sink
    spec: Mapping[str, Any]
    """The DataReplication's raw spec, for the addresses of its databases."""


def post_of(replication: Mapping[str, Any], known: Mapping[str, Sink], now: datetime) -> Post:
    """Return who may be told of a raw DataReplication. known: the chart's sinks by their names."""
    return Post(replication["metadata"]["namespace"], subscriptions.wanted(replication.get("spec")), known, now)


def notified(
    old: ReplicationStatus, new: ReplicationStatus, seen: Happened, post: Post, results: Results
) -> ReplicationStatus:
    """Return the new status with what there is to tell of it, and with what became of earlier notices."""
    if not post.wanted:
        return _without(new) if old.notifications else new
    uid, now = seen.replication["metadata"]["uid"], post.now
    news = notices.of_runs(_box(old, seen, now), seen.runs, seen.beside, now)
    found = (
        *news.notices,
        *notices.of_conditions(uid, old, new, now),
        *notices.of_missed(uid, seen.decision, now),
    )
    told = [_recorded(one, post, results) for one in _added(news.box, found, post)]
    outbox = _bounded([one for one in told if one.deliveries], news.box, now)
    of_post = _condition(outbox, post, new.observed_generation)
    condition, *others = with_conditions(new.conditions, [of_post], now)
    return new.having(notifications=news.box.having(outbox=outbox), conditions=[*others, condition])


def announced(old: ReplicationStatus, seen: Happened, post: Post) -> ReplicationStatus:
    """Return a status that tells of missed slots and is the same otherwise.

    It is written before the run of a later slot is made: from then on nothing shows that slots were missed.
    """
    found = notices.of_missed(seen.replication["metadata"]["uid"], seen.decision, post.now) if post.wanted else ()
    if not found:
        return old
    box = _box(old, seen, post.now)
    return old.having(notifications=box.having(outbox=_added(box, found, post)))


def parcels(replication: Mapping[str, Any], status: ReplicationStatus, post: Post) -> tuple[Parcel, ...]:
    """Return what waits and can be sent."""
    key, outbox = key_of(dict(replication)), status.notifications.outbox if status.notifications else []
    return tuple(
        Parcel(key, notice, sink, replication.get("spec") or {})
        for notice in outbox
        for one in notice.deliveries
        if one.state == "Pending" and (sink := post.sink(one.sink)) is not None
    )


def ended(old: ReplicationStatus, new: ReplicationStatus) -> tuple[tuple[Notice, Delivery], ...]:
    """Return the deliveries that have ended with a change of a status."""
    before = _ended(old)
    return tuple(one for which, one in _ended(new).items() if which not in before)


def _without(status: ReplicationStatus) -> ReplicationStatus:
    """Return the status of a DataReplication that notifies nobody any more."""
    kept = [one for one in status.conditions if one.type != NOTIFIED]
    return status.having(notifications=None, conditions=kept)


def _box(old: ReplicationStatus, seen: Happened, now: datetime) -> Notifications:
    created = times.from_text(seen.replication["metadata"]["creationTimestamp"])
    return old.notifications or notices.first(old, seen.runs, created, now)


def _added(box: Notifications, found: Iterable[Notice], post: Post) -> list[Notice]:
    """Return an outbox with new notices, each with the sinks that are to get it."""
    found = tuple(found)
    recovering = {one.run_uid for one in found if one.event == "Recovered"}
    there = {one.id for one in box.outbox}
    new = [_addressed(one, post, recovering) for one in found if one.id not in there]
    return [*box.outbox, *(one for one in new if one.deliveries)]


def _addressed(notice: Notice, post: Post, recovering: set[str]) -> Notice:
    """Return a notice with its sinks. Of a success that recovers, a sink is told once."""
    asked = [one for one in post.wanted if notice.event in one.on]
    if notice.event == "Succeeded" and notice.run_uid in recovering:
        asked = [one for one in asked if "Recovered" not in one.on]
    names = [one.sink for one in asked if (sink := post.sink(one.sink)) is None or sink.takes(notice.event)]
    return notice.having(deliveries=[Delivery(sink=name) for name in names])


def _recorded(notice: Notice, post: Post, results: Results) -> Notice:
    """Return a notice with what is known of its deliveries. What nobody asks for any more is dropped."""
    if not notice.is_pending:
        return notice
    names = {one.sink for one in post.wanted}
    kept = [one for one in notice.deliveries if one.state != "Pending" or one.sink in names]
    return notice.having(deliveries=[_after(one, notice, post, results) for one in kept])


def _after(before: Delivery, notice: Notice, post: Post, results: Results) -> Delivery:
    if before.state != "Pending":
        return before
    if post.sink(before.sink) is None and delivery.is_over(notice.time, post.now):
        return before.having(state="GivenUp", message="there was no such sink for a day", time=post.now)
    return results.get((notice.id, before.sink), before)


def _bounded(outbox: list[Notice], before: Notifications, now: datetime) -> list[Notice]:
    """Return the notices that may wait, the others given up, and the last of those that do not wait.

    before: the outbox as it was. What has ended just now stays, so that its end is told.
    """
    too_many = _too_many([one for one in outbox if one.is_pending])
    outbox = [_given_up(one, now) if one.id in too_many else one for one in outbox]
    known = {one.id for one in before.outbox if not one.is_pending}
    done = [one.id for one in outbox if not one.is_pending]
    forgotten = known & set(done[: max(0, len(done) - HISTORY_LIMIT)])
    return [one if one.is_pending else _shortened(one) for one in outbox if one.id not in forgotten]


def _too_many(waiting: list[Notice]) -> set[str]:
    """Return the ids of the oldest notices, for which there is no room. The newest always has room."""
    sizes = accumulate(one.size_bytes for one in reversed(waiting))
    fitting = sum(size <= BYTES_LIMIT for size in sizes)
    return {one.id for one in waiting[: max(0, len(waiting) - min(WAITING_LIMIT, max(1, fitting)))]}


def _shortened(notice: Notice) -> Notice:
    """Return a notice that nobody waits for, with what a reader of the status still wants to know."""
    return notice.having(targets=[], message=plain.text(notice.message, notices.TARGET_LIMIT))


def _given_up(notice: Notice, now: datetime) -> Notice:
    message = f"more than {WAITING_LIMIT} notifications, or {BYTES_LIMIT // 1000} kB of them, wait"
    given_up = [
        one.having(state="GivenUp", message=message, time=now) if one.state == "Pending" else one
        for one in notice.deliveries
    ]
    return notice.having(deliveries=given_up)


def _condition(outbox: list[Notice], post: Post, generation: int) -> Condition:
    faults = [fault for one in post.wanted if (fault := _fault(one.sink, outbox, post)) is not None]
    message = "; ".join(fault.message for fault in faults)
    return Condition(
        type=NOTIFIED,
        status="False" if faults else "True",
        reason=faults[0].reason if faults else "Delivered",
        message=message,
        observed_generation=generation,
    )


def _fault(name: str, outbox: list[Notice], post: Post) -> Why | None:
    """Return why a sink is not told; None if nothing is wrong as far as is known."""
    if name not in post.known:
        return Why("UnknownSink", f"spec.notifications: the operator has no sink {name!r} (chart: notifications.sinks)")
    if post.sink(name) is None:
        return Why("SinkNotAllowed", f"spec.notifications: sink {name!r} is not for namespace {post.namespace}")
    tried = [one for notice in outbox for one in notice.deliveries if one.sink == name and (one.time or one.message)]
    if not tried or tried[-1].state == "Delivered":
        return None
    return Why("NotDelivered", f"sink {name!r}: {tried[-1].message}")


def _ended(status: ReplicationStatus) -> dict[tuple[str, str], tuple[Notice, Delivery]]:
    outbox = status.notifications.outbox if status.notifications else []
    found = ((notice, one) for notice in outbox for one in notice.deliveries if one.state != "Pending")
    return {(notice.id, one.sink): (notice, one) for notice, one in found}
