"""Writes OpenLineage's events of a run. The only import of its client, which is loaded when the first event is written.

The client makes and checks an event; it is sent like any other notification, with the same limits. Loading takes a
third of a second and the client may read files, so this runs in a thread.
"""

import uuid
from typing import Any

from datareplication.core import datasets, notices, times
from datareplication.core.choices import NoticeEvent
from datareplication.core.letters import JSON, Letter
from datareplication.core.notifying import Parcel

PRODUCER = "https://datareplication.dev/operator"
JOB_NAMESPACE = "datareplication"

STATES: dict[NoticeEvent, str] = {
    "Started": "START",
    "Succeeded": "COMPLETE",
    "Recovered": "COMPLETE",
    "PartiallyFailed": "FAIL",
    "Failed": "FAIL",
    "Replaced": "ABORT",
}


def letter(parcel: Parcel) -> Letter:
    """Return the event of a notice about a run."""
    from openlineage.client import OpenLineageClient  # noqa: PLC0415 - only where there is such a sink
    from openlineage.client.serde import Serde  # noqa: PLC0415
    from openlineage.client.transport.transport import Transport  # noqa: PLC0415

    class Drafts(Transport):
        """Keeps events instead of sending them."""

        kind = "drafts"

        def __init__(self) -> None:
            self.written: list[str] = []

        def emit(self, event: Any) -> None:
            self.written.append(Serde.to_json(event))

    drafts = Drafts()
    OpenLineageClient(transport=drafts).emit(_event(parcel))
    return Letter("".join(drafts.written).encode(), {"Content-Type": JSON})


def _event(parcel: Parcel) -> Any:
    from openlineage.client import event_v2, facet_v2  # noqa: PLC0415

    notice, key = parcel.notice, parcel.key
    state = event_v2.RunState(STATES[notice.event])
    inputs = datasets.inputs(parcel.spec, notice.action, [target.name for target in notice.targets])
    facets: dict[str, Any] = {}
    if notice.message and state is event_v2.RunState.FAIL:
        error = facet_v2.error_message_run.ErrorMessageRunFacet(notice.message, "SQL", producer=PRODUCER)
        facets["errorMessage"] = error
    return event_v2.RunEvent(
        eventType=state,
        eventTime=times.to_text(notice.time),
        run=event_v2.Run(str(uuid.uuid5(notices.OURS, notice.run_uid)), facets),
        job=event_v2.Job(JOB_NAMESPACE, f"{key.namespace}.{key.name}"),
        inputs=[event_v2.InputDataset(one.namespace, one.name) for one in inputs],
        outputs=_outputs(parcel),
        producer=PRODUCER,
    )


def _outputs(parcel: Parcel) -> list[Any]:
    """Return the targets: at the start all, at the end those that were loaded."""
    from openlineage.client import event_v2, facet_v2  # noqa: PLC0415

    notice, known = parcel.notice, datasets.targets(parcel.spec)
    found: list[Any] = []
    for target in notice.targets:
        if target.name not in known or (notice.event != "Started" and target.phase != "Succeeded"):
            continue
        statistics = facet_v2.output_statistics_output_dataset.OutputStatisticsOutputDatasetFacet(
            rowCount=target.rows, producer=PRODUCER
        )
        of: dict[str, Any] = {} if notice.event == "Started" else {"outputStatistics": statistics}
        found.append(event_v2.OutputDataset(known[target.name].namespace, known[target.name].name, outputFacets=of))
    return found
