"""Reasons that a DataReplication shows: in its conditions and in its Events."""

from typing import Literal

from datareplication.core.reasons.meaning import Meaning

OfReplications = Literal[
    "Scheduled",
    "Suspended",
    "OnDemand",
    "Completed",
    "Observed",
    "Accepted",
    "InvalidSpec",
    "UnknownTimeZone",
    "BadCron",
    "NoRun",
    "NeverLoaded",
    "Stale",
    "Fresh",
    "NothingWaits",
    "DependsOnPast",
    "Held",
    "Waiting",
    "RunRejected",
    "TooManyMissed",
    "InTime",
    "ExpansionRefused",
    "AsWanted",
    "MissedSchedule",
    "RunCreated",
    "RunNameTaken",
    "Delivered",
    "NotDelivered",
    "UnknownSink",
    "SinkNotAllowed",
]

MEANINGS: dict[OfReplications, Meaning] = {
    "Scheduled": Meaning("condition Ready", "The spec is valid, and the schedule has a next slot."),
    "Suspended": Meaning(
        "condition Ready",
        "The spec is valid, but no slot is run because of `suspend`.",
        "Set `suspend: false` to run slots again.",
    ),
    "OnDemand": Meaning("condition Ready", "The spec is valid and has no schedule: runs are made by hand."),
    "Completed": Meaning(
        "condition Ready",
        "The spec is valid, and no slot follows: `schedule.endDate` has passed.",
        "Move `schedule.endDate` to run more slots.",
    ),
    "Observed": Meaning("condition Reconciling", "The operator has looked at the current spec."),
    "Accepted": Meaning("condition Stalled; Event", "The spec is valid; as an Event: it is valid again."),
    "InvalidSpec": Meaning(
        "conditions Ready, Reconciling and Stalled; run; Event",
        "The spec of the DataReplication or of the run cannot be carried out; the message names the field.",
        "Correct the field that the message names.",
    ),
    "UnknownTimeZone": Meaning(
        "conditions Ready, Reconciling and Stalled; run",
        "The operator does not know the time zone `schedule.timeZone`.",
        "Use an IANA name such as Europe/Zurich or Etc/UTC.",
    ),
    "BadCron": Meaning(
        "conditions Ready, Reconciling and Stalled; run",
        "The expression `schedule.cron` cannot be read, or names a date that never comes.",
        "Correct `schedule.cron`.",
    ),
    "NoRun": Meaning(
        "condition LastRunSucceeded", "No run has ended yet.", "Wait for the next slot, or start a run by hand."
    ),
    "NeverLoaded": Meaning(
        "condition Fresh",
        "A target has never been loaded, or was rolled back to data whose age nobody knows.",
        "Look at the runs' status, and at `suspend`.",
    ),
    "Stale": Meaning(
        "condition Fresh",
        "A target's data is older than `freshnessSeconds`.",
        "Look at the last failed run, and at `suspend`.",
    ),
    "Fresh": Meaning("condition Fresh", "Every target's data is younger than `freshnessSeconds`."),
    "NothingWaits": Meaning("condition Held", "No due slot waits."),
    "DependsOnPast": Meaning(
        "condition Held",
        "A due slot waits, because the last run did not succeed (`dependsOnPast`).",
        "Start a run by hand; when it has succeeded, slots run again.",
    ),
    "Held": Meaning(
        "Event",
        "A due slot begins to wait, because the last run did not succeed (`dependsOnPast`).",
        "Start a run by hand; when it has succeeded, slots run again.",
    ),
    "Waiting": Meaning(
        "condition Held; conditions of a run; load",
        "A due slot, a run or a load waits for its turn behind others (`concurrencyPolicy`, `maxActiveRuns`).",
        "Nothing, unless a run it waits for hangs: `status.activeRuns` names them.",
    ),
    "RunRejected": Meaning(
        "condition Held; run",
        "Kubernetes refused to create or complete a run, for example because of a quota or a webhook.",
        "Repair what Kubernetes' message names. A due slot is tried again; a run made by hand has failed.",
    ),
    "TooManyMissed": Meaning(
        "condition TooManyMissed",
        "More slots were missed than `catchup` runs afterwards.",
        "Start a run by hand for a slot that matters; find out why the operator did not run.",
    ),
    "InTime": Meaning("condition TooManyMissed", "Slots are run in time again."),
    "ExpansionRefused": Meaning(
        "condition VolumeNotGrown",
        "Kubernetes refused to grow the claim to the size in `volumeClaimTemplate`.",
        "Let its StorageClass allow it (`allowVolumeExpansion: true`), or move the snapshots to a larger claim.",
    ),
    "AsWanted": Meaning("condition VolumeNotGrown", "The claim is as large as its template asks for."),
    "MissedSchedule": Meaning(
        "Event",
        "Slots are not run: later slots came, or their deadline passed.",
        "Find out whether the operator did not run, or whether runs take longer than the time between slots.",
    ),
    "RunCreated": Meaning("Event", "The run of a slot was created."),
    "RunNameTaken": Meaning(
        "Event",
        "A run with the slot's name exists and was made by somebody else; the slot is skipped.",
        "Delete that run, and start one by hand.",
    ),
    "Delivered": Meaning("condition Notified", "As far as is known, every notification has arrived."),
    "NotDelivered": Meaning(
        "condition Notified; Event",
        "A sink does not take notifications; the message says how it answered. The Event says that one is not tried "
        "any more.",
        "Correct the sink's Secret, or the sink itself.",
    ),
    "UnknownSink": Meaning(
        "condition Notified",
        "The operator has no sink of that name.",
        "Add it to the chart's value `notifications.sinks`, or correct `notifications[].sink`.",
    ),
    "SinkNotAllowed": Meaning(
        "condition Notified",
        "The sink is not for DataReplications of this namespace.",
        "Add the namespace to the sink's `namespaces` in the chart's values, or use another sink.",
    ),
}
