"""What a DataReplication's status keeps of its notifications: what is to be told, to whom, and how far that is.

This module holds the models. `notices.py` says what there is to tell, `notifying.py` what becomes of it.
"""

from typing import Annotated, Literal

from pydantic import Field

from datareplication.core.choices import NoticeEvent
from datareplication.core.model import AS_TEXT, Moment, StatusModel, Written, keyed

DeliveryState = Literal["Pending", "Delivered", "Refused", "GivenUp"]

RunStage = Literal["Started", "Ended"]


class Delivery(StatusModel):
    """How far one message to one sink is."""

    sink: str = Field(description="Name of the sink.", max_length=63)
    state: DeliveryState = Field("Pending", description="Pending, Delivered, Refused or GivenUp.")
    message: str = Field("", description="Why it was not delivered, at the last attempt.")
    time: Moment | None = Field(None, description="When it was delivered, refused or given up.")


class ToldTarget(StatusModel):
    """What is told of a run's target."""

    name: str = Field(description="Name of the target.", max_length=63)
    phase: str = Field("", description="Phase of its load.")
    reason: Written = Field("", description="Why it failed: one CamelCase word.")
    message: str = Field("", description="Why it failed.")
    rows: int = Field(0, description="Rows loaded.")


class Notice(StatusModel):
    """One thing to tell; it does not change any more, but for its deliveries."""

    id: str = Field(description="The message's id, the same at each attempt.", max_length=36)
    event: Annotated[NoticeEvent, AS_TEXT] = Field(description="What is told.")
    time: Moment = Field(description="When it happened.")
    run: str = Field("", description="The run that it is about; empty if about the DataReplication.")
    run_uid: str = Field("", description="That run's uid.")
    action: str = Field("", description="That run's action, unless it is Replicate.")
    phase: str = Field("", description="The run's phase.")
    reason: Written = Field("", description="One CamelCase word.")
    message: str = Field("", description="For people.")
    start_time: Moment | None = Field(None, description="When the run began.")
    completion_time: Moment | None = Field(None, description="When it ended.")
    snapshot_time: Moment | None = Field(None, description="The moment of production that its snapshot shows.")
    targets: list[ToldTarget] = Field(
        default_factory=list,
        description="The run's targets; left out when nothing is pending any more.",
        json_schema_extra=keyed("name"),
    )
    deliveries: list[Delivery] = Field(
        default_factory=list, description="To which sinks, and how far.", json_schema_extra=keyed("sink")
    )

    @property
    def is_pending(self) -> bool:
        """Whether a sink has not got it yet and still may."""
        return any(one.state == "Pending" for one in self.deliveries)

    @property
    def size_bytes(self) -> int:
        """Return about how many bytes it takes in the API's store, rather too many than too few."""
        of_targets = sum(_FRAME_BYTES + _stored_bytes(target.message) for target in self.targets)
        return 2 * _FRAME_BYTES + _stored_bytes(self.message) + of_targets + _FRAME_BYTES * len(self.deliveries)


_FRAME_BYTES = 250
"""Of a target or a delivery: the names of its fields and what is short in it."""


def _stored_bytes(text: str) -> int:
    """Return the length of a text as the API server writes it: `<`, `>` and `&` as six bytes each."""
    return len(text.encode(errors="replace")) + 5 * sum(map(text.count, "<>&")) + sum(map(text.count, '"\\'))


class ToldRun(StatusModel):
    """Up to which stage a run is told; one that has not begun has no entry."""

    run: str = Field(description="Name of the run.")
    run_uid: str = Field("", description="That run's uid; another run may get its name.")
    stage: RunStage = Field(description="Started or Ended.")
    action: str = Field("", description="That run's action, unless it is Replicate.")


class Notifications(StatusModel):
    """The outbox, and what is needed to know what there is to tell."""

    outbox: list[Notice] = Field(
        default_factory=list,
        description="What waits for its sinks, and the last ten that do not any more.",
        json_schema_extra=keyed("id"),
    )
    runs: list[ToldRun] = Field(
        default_factory=list,
        description="Runs whose start or end is in the outbox or was.",
        json_schema_extra=keyed("run"),
    )
    is_failing: bool = Field(False, description="Whether the last run that was not replaced has failed.")
