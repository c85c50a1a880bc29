"""The phases and states of runs, steps, Jobs and programs. Each word is defined here once."""

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

BAD_ENDS: tuple[RunPhase, ...] = ("Failed", "PartiallyFailed")

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
"""Taken: another run's Job has the name. Refused: Kubernetes refuses to create the Job for now. Gone: the Job existed,
and somebody has deleted it. Foreign: a Job of somebody else has the name. Held: somebody else has suspended the Job.
Suspended: the operator has suspended it for the delay before a retry. Outlived: the program has ended, its pod has not.
Failing: Kubernetes has given the Job up, for example at its deadline, and its pods are still ending."""

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
"""What a program is doing, as its progress tells. Waiting: for another load of the run that builds its database."""

Outcome = Literal["Succeeded", "Failed"]
"""How an attempt of a program ended."""
