"""Reasons that are about a snapshot and its volume."""

from typing import Literal

from datareplication.core.reasons.meaning import Meaning

OfSnapshots = Literal[
    "CannotWriteSnapshot",
    "CannotReadSnapshot",
    "VolumeFull",
    "SnapshotExists",
    "SnapshotBusy",
    "ManifestTooLarge",
    "SnapshotIncomplete",
    "SnapshotCorrupt",
    "SnapshotFormat",
    "NotOurs",
    "CannotPrune",
    "OtherRunsSnapshot",
    "OtherReplicationsSnapshot",
    "NoChecksums",
]

MEANINGS: dict[OfSnapshots, Meaning] = {
    "CannotWriteSnapshot": Meaning(
        "dump",
        "The snapshot's directory cannot be written.",
        "Make the volume writable for the pod's user (`podSecurityContext.fsGroup`).",
    ),
    "CannotReadSnapshot": Meaning(
        "load, snapshot",
        "A file of the snapshot cannot be read.",
        "Make the volume readable for the pod's user; check whether the volume is damaged.",
    ),
    "VolumeFull": Meaning(
        "dump",
        "The snapshot does not fit on its volume.",
        "Enlarge the volume, keep fewer snapshots (`snapshot.retention`), or prune some.",
    ),
    "SnapshotExists": Meaning(
        "dump",
        "The directory exists already and is not this run's snapshot.",
        "Choose another directory (`snapshot.path`), or remove it.",
    ),
    "SnapshotBusy": Meaning(
        "dump", "Another dump is writing the same snapshot.", "Nothing: the attempt is made again."
    ),
    "ManifestTooLarge": Meaning(
        "dump", "There are more tables and parts than a manifest can hold.", "Copy fewer tables."
    ),
    "SnapshotIncomplete": Meaning(
        "load, snapshot", "A file of the snapshot is missing, or its dump did not end.", "Dump again."
    ),
    "SnapshotCorrupt": Meaning(
        "load, snapshot",
        "A file of the snapshot is not what was dumped.",
        "Dump again; check whether the volume is damaged.",
    ),
    "SnapshotFormat": Meaning(
        "load, snapshot",
        "A newer version of the program wrote the snapshot.",
        "Load it with that version, or dump again.",
    ),
    "NotOurs": Meaning(
        "dump, snapshot",
        "A directory that is to be removed holds a file that does not belong to the snapshot.",
        "Move that file out, or remove the directory by hand.",
    ),
    "CannotPrune": Meaning("snapshot", "Some old snapshots could not be removed.", "The message says why, for each."),
    "OtherRunsSnapshot": Meaning(
        "load",
        "The snapshot belongs to another run.",
        "Load that run's snapshot on purpose by action Load (`--any-run`).",
    ),
    "OtherReplicationsSnapshot": Meaning(
        "load", "The snapshot belongs to another DataReplication.", "Name a snapshot of the run's own DataReplication."
    ),
    "NoChecksums": Meaning(
        "load",
        "`verify: Checksum` needs checksums, and the snapshot has none.",
        "Dump it with `--checksum`, or load it with `verify: Rows`.",
    ),
}
