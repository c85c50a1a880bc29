"""Reasons of dumps that are about the source."""

from typing import Literal

from datareplication.core.reasons.meaning import Meaning

OfDumps = Literal[
    "BadPattern",
    "PatternMatchesNothing",
    "SelectionIncomplete",
    "TooManyLeftOut",
    "CannotReadTables",
    "CannotReadLargeObjects",
    "ReservedSchema",
    "UnloggedOnStandby",
    "ValueTooLarge",
    "WouldRunCode",
    "SnapshotLost",
    "SnapshotTooOld",
    "GaveWay",
    "WaitsForLock",
    "BlocksOthers",
    "SchemaChanging",
    "SchemaChanged",
    "BadMaskingRules",
    "ColumnsWithoutRule",
    "MaskingRefused",
]

MEANINGS: dict[OfDumps, Meaning] = {
    "BadMaskingRules": Meaning(
        "dump", "The file of masking rules is wrong in itself.", "Correct the line that the message names."
    ),
    "ColumnsWithoutRule": Meaning(
        "dump",
        "The source has columns about which the masking rules say nothing, for example new ones.",
        "Add the lines of the message to the rules, with the rule that each column needs.",
    ),
    "MaskingRefused": Meaning(
        "dump",
        "A masking rule does not fit the source: its types, keys, partitions, constraints or rows.",
        "Use the rule that the message names.",
    ),
    "BadPattern": Meaning(
        "dump", "A pattern in `source.tables` cannot be read.", "Write it as `schema.table`, with `*` and `?`."
    ),
    "PatternMatchesNothing": Meaning(
        "dump", "A pattern in `source.tables` names no table.", "Correct it; upper and lower case differ."
    ),
    "SelectionIncomplete": Meaning(
        "dump",
        "Something that is copied needs what the patterns leave out.",
        "Leave it out as well, or copy what it needs.",
    ),
    "TooManyLeftOut": Meaning(
        "dump",
        "The patterns leave out more relations than fit into pg_dump's arguments.",
        "Leave out fewer, or name those to be copied.",
    ),
    "CannotReadTables": Meaning(
        "dump",
        "The role cannot read all tables or sequences in full.",
        "Run the statements in the message, or `GRANT pg_read_all_data`.",
    ),
    "CannotReadLargeObjects": Meaning(
        "dump", "The role may not read all large objects.", "Run the statements in the message."
    ),
    "ReservedSchema": Meaning(
        "dump",
        "Schema `datareplication` of the source holds something that would not be copied.",
        "Move it into another schema.",
    ),
    "UnloggedOnStandby": Meaning(
        "dump",
        "The source is a standby, where unlogged tables cannot be read.",
        "Dump the primary, or leave the tables out.",
    ),
    "ValueTooLarge": Meaning(
        "dump, load",
        "A row is over 1 GB as text, which is the limit of COPY.",
        "The message names the row's place; shorten the row, or leave the table's rows out (`schemaOnly`).",
    ),
    "WouldRunCode": Meaning(
        "dump, load",
        "A query on a table would run users' functions as the program's role, because its indexes call them.",
        "Dump: do what the message says. Load: dump again, or load without `verify: Checksum`.",
    ),
    "SnapshotLost": Meaning(
        "dump", "The session that holds the dump's snapshot has gone.", "Nothing: the attempt is made again."
    ),
    "SnapshotTooOld": Meaning(
        "dump",
        "The dump has held VACUUM back for longer than `dump.maxSnapshotAgeSeconds`.",
        "Raise it, use more `dump.workers`, or dump a standby.",
    ),
    "GaveWay": Meaning(
        "dump",
        "Other sessions had waited for the dump's locks for `dump.blockingPatienceSeconds`, so the dump ended.",
        "Do schema changes at another time, or raise the patience; the attempt is made again.",
    ),
    "WaitsForLock": Meaning(
        "progress",
        "The dump waits for the lock of another session; the message names it.",
        "End that session if it hangs.",
    ),
    "BlocksOthers": Meaning(
        "progress",
        "Other sessions wait for the dump's locks; after a while the dump gives way.",
        "Nothing, or end the dump if the other sessions cannot wait.",
    ),
    "SchemaChanging": Meaning(
        "dump, load",
        "Tables were made, dropped or renamed while they were being locked, or other objects while pg_dump read them.",
        "Nothing: the attempt is made again.",
    ),
    "SchemaChanged": Meaning(
        "dump", "An object was dropped while pg_dump read it.", "Nothing: the attempt is made again."
    ),
}
