"""The choices that users have: one definition for the resource's schema, the programs' arguments and their help."""

from typing import Literal

DEFAULT_FRESHNESS_SECONDS = 93_600

Compression = Literal["Zstd", "Gzip", "None"]
Strategy = Literal["Swap", "InPlace"]
Verification = Literal["Rows", "Checksum"]
Overwrite = Literal["OnlyManaged", "Any"]
Owners = Literal["Keep", "TargetOwner"]
Grants = Literal["Keep", "Drop"]
LeakSearch = Literal["Full", "Patterns"]
Action = Literal["Replicate", "Load", "Rollback"]
ConcurrencyPolicy = Literal["Forbid", "Allow", "Replace"]
Partitioning = Literal["Daily", "Hourly", "Monthly"]
NoticeEvent = Literal[
    "Started",
    "Succeeded",
    "PartiallyFailed",
    "Failed",
    "Replaced",
    "Recovered",
    "Stale",
    "Fresh",
    "Stalled",
    "Accepted",
    "Missed",
]
"""What a notification tells. Up to Recovered it is about a run, then about the DataReplication."""
SinkKind = Literal["Webhook", "Slack", "Teams", "Ntfy", "OpenLineage"]
