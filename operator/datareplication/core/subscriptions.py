"""Which events of a DataReplication go to which sinks: `spec.notifications`. Pure."""

from collections.abc import Mapping
from typing import Any

from pydantic import Field, ValidationError

from datareplication.core.choices import NoticeEvent
from datareplication.core.model import Model, Name

RUN_EVENTS: tuple[NoticeEvent, ...] = ("Started", "Succeeded", "PartiallyFailed", "Failed", "Replaced", "Recovered")


class Notification(Model):
    """Which events go to a sink."""

    sink: Name = Field(description="Name of a sink of the chart's value notifications.sinks.")
    on: list[NoticeEvent] = Field(
        min_length=1,
        max_length=16,
        description="Started, Succeeded, PartiallyFailed, Failed, Replaced, Recovered, Stale, Fresh, Stalled, Accepted "
        "or Missed.",
    )


def wanted(spec: Any) -> tuple[Notification, ...]:
    """Return what a raw spec asks for, as far as it can be read: also who has an invalid spec is told so."""
    items = spec.get("notifications") if isinstance(spec, Mapping) else None
    found = [one for item in (items if isinstance(items, list) else ()) if (one := _read(item)) is not None]
    return tuple({one.sink: one for one in found}.values())


def _read(item: Any) -> Notification | None:
    try:
        return Notification.model_validate(item)
    except ValidationError:
        return None
