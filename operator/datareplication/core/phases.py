"""How far something is, in one word: runs, steps, Jobs, programs. Each word stands here once, for all who use it."""

from typing import Literal

ReplicationPhase = Literal[
    "Scheduled",
    "Suspended",
    "Dumping",
    "Loading",
    "Succeeded",
    "PartiallyFailed",
    "Failed",
    "Invalid",
    "Completed",
]

RunPhase = Literal["Pending", "Dumping", "Loading", "Succeeded", "PartiallyFailed", "Failed", "Replaced"]

StepPhase = Literal["Waiting", "Pending", "Running", "Retrying", "Succeeded", "Failed"]

JobState = Literal[
    "Absent",
    "Taken",
    "Refused",
    "Gone",
    "Foreign",
    "Held",
    "Suspended",
    "Pending",
    "Running",
    "Outlived",
    "Failing",
    "Succeeded",
    "Failed",
    "Stopping",
    "Stopped",
]
"""Taken: another run's Job bears its name. Refused: Kubernetes does not make it as things are. Gone: it was there, and
somebody has removed it. Held: somebody has suspended it; Suspended: we have, for the delay before a retry. Outlived:
its program has ended, its pod has not. Failing: Kubernetes has given it up, for its deadline perhaps, and its pods
still end."""

Activity = Literal[
    "Connecting",
    "Waiting",
    "Schema",
    "Data",
    "Indexes",
    "Verifying",
    "AfterLoad",
    "Swapping",
    "Publishing",
]
"""What a program is doing, as its progress tells. Waiting: for a sibling that builds."""

Outcome = Literal["Succeeded", "Failed"]
"""How an attempt of a program ended."""
