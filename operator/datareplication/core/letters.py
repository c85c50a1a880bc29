"""What is sent for a notice: (parcel) -> `Letter`, for each kind of sink but OpenLineage. Pure.

It knows neither addresses nor keys. `controller/lineage.py` writes the letters of OpenLineage.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from datareplication.core import texts, times
from datareplication.core.choices import NoticeEvent
from datareplication.core.names import API_VERSION
from datareplication.core.notifying import Parcel
from datareplication.core.outbox import Notice, ToldTarget
from datareplication.core.subscriptions import RUN_EVENTS

JSON = "application/json"

TITLES: dict[NoticeEvent, str] = {
    "Started": "run started",
    "Succeeded": "run succeeded",
    "PartiallyFailed": "run failed for some targets",
    "Failed": "run failed",
    "Replaced": "run was replaced by a later one",
    "Recovered": "works again",
    "Stale": "data is too old",
    "Fresh": "data is fresh again",
    "Stalled": "its spec cannot be carried out",
    "Accepted": "its spec is valid again",
    "Missed": "slots are not run",
}

BAD: tuple[NoticeEvent, ...] = ("PartiallyFailed", "Failed", "Stale", "Stalled", "Missed")

TAGS: dict[bool, str] = {True: "rotating_light", False: "white_check_mark"}
PRIORITIES: dict[bool, str] = {True: "high", False: "default"}
"""Of ntfy, by whether the event is a bad one."""


@dataclass(frozen=True)
class Letter:
    """The body of a request, and the headers that go with it."""

    body: bytes
    headers: Mapping[str, str] = field(default_factory=dict)


def letter(parcel: Parcel) -> Letter:
    """Return what is sent to a sink that is not of kind OpenLineage."""
    match parcel.sink.kind:
        case "Slack":
            return _json({"text": _text(parcel), "unfurl_links": False, "unfurl_media": False})
        case "Teams":
            return _json(_card(_text(parcel)))
        case "Ntfy":
            return _of_ntfy(parcel)
        case _:
            return _json(cloud_event(parcel), "application/cloudevents+json; charset=UTF-8")


def cloud_event(parcel: Parcel) -> dict[str, Any]:
    """Return a notice as a CloudEvent in JSON's structured form."""
    notice, key = parcel.notice, parcel.key
    about = "run" if notice.event in RUN_EVENTS else "replication"
    return {
        "specversion": "1.0",
        "id": notice.id,
        "source": f"/apis/{API_VERSION}/namespaces/{key.namespace}/datareplications/{key.name}",
        "type": f"dev.datareplication.{about}.{notice.event.lower()}",
        "subject": notice.run or key.name,
        "time": times.to_text(notice.time),
        "datacontenttype": JSON,
        "data": data(parcel),
    }


def data(parcel: Parcel) -> dict[str, Any]:
    """Return what a notice tells, for programs and templates."""
    notice, key = parcel.notice, parcel.key
    told = {
        "event": notice.event,
        "namespace": key.namespace,
        "name": key.name,
        "run": notice.run,
        "phase": notice.phase,
        "reason": notice.reason,
        "message": notice.message,
        **{name: times.to_text(moment) for name, moment in _moments(notice).items() if moment},
        "targets": [_of_target(target) for target in notice.targets],
    }
    return {name: value for name, value in told.items() if value not in ("", [])}


def _moments(notice: Notice) -> dict[str, Any]:
    return {
        "startTime": notice.start_time,
        "completionTime": notice.completion_time,
        "snapshotTime": notice.snapshot_time,
    }


def _of_target(target: ToldTarget) -> dict[str, Any]:
    if not target.phase:
        return {"name": target.name}
    return {name: getattr(target, name) for name in ("name", "phase", "reason", "message", "rows")}


def _title(parcel: Parcel) -> str:
    return f"{parcel.key}: {TITLES.get(parcel.notice.event, parcel.notice.event)}"


def _text(parcel: Parcel) -> str:
    empty = {"run": "", "phase": "", "reason": "", "message": "", "targets": []}
    values = {**empty, **data(parcel), "time": times.to_text(parcel.notice.time), "title": _title(parcel)}
    return texts.text(parcel.sink.kind, parcel.sink.template, values)


def _card(text: str) -> dict[str, Any]:
    """Return a message with an adaptive card, as workflows of Teams take it."""
    first, *rest = text.split("\n")
    blocks = [{"type": "TextBlock", "text": first, "wrap": True, "weight": "Bolder"}]
    blocks += [{"type": "TextBlock", "text": line, "wrap": True} for line in rest if line]
    content = {
        "$schema": "http://adaptivecards.io/schemas/adaptive-card.json",
        "type": "AdaptiveCard",
        "version": "1.4",
        "body": blocks,
    }
    card = {"contentType": "application/vnd.microsoft.card.adaptive", "contentUrl": None, "content": content}
    return {"type": "message", "attachments": [card]}


def _of_ntfy(parcel: Parcel) -> Letter:
    is_bad = parcel.notice.event in BAD
    headers = {"Title": _title(parcel), "Tags": TAGS[is_bad], "Priority": PRIORITIES[is_bad]}
    body = _text(parcel).encode()[: texts.LONGEST].decode(errors="ignore")  # a character may have been cut
    return Letter(body.encode(), {"Content-Type": "text/plain; charset=utf-8", **headers})


def _json(value: Mapping[str, Any], kind: str = JSON) -> Letter:
    return Letter(json.dumps(value, ensure_ascii=False).encode(), {"Content-Type": kind})
