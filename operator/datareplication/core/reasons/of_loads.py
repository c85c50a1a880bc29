"""Reasons of loads that are about the target: the guard, the checks, the swap."""

from typing import Literal

from datareplication.core.reasons.meaning import Meaning

OfLoads = Literal[
    "TargetIsSource",
    "TargetIsStandby",
    "TargetIsTemplate",
    "TargetTooOld",
    "TargetHoldsData",
    "TargetInUse",
    "TargetBusy",
    "TargetChanged",
    "NameTooLong",
    "NameTaken",
    "NoPrevious",
    "PreviousClosed",
    "PreviousNotOurs",
    "NextNotOurs",
    "ObsoleteNotOurs",
    "ProvenanceNotOurs",
    "BuilderHasRights",
    "BuilderStays",
    "BuiltAsLoader",
    "UntrustedCode",
    "AfterLoadAsLoader",
    "WouldRunAsSuperuser",
    "SchemaChangedByItsCode",
    "ExtensionTooOld",
    "LargeObjectsDiffer",
    "RowsDiffer",
    "ChecksumDiffers",
    "EntriesMiscounted",
    "NeedsSwap",
    "SchemaDrift",
    "TriggersOfPartitions",
    "ForeignKeyDisabled",
    "EventTriggerRefused",
    "CannotReadAfterLoad",
    "AfterLoadFailed",
    "LeakFound",
    "NotMasked",
    "WrongMaskingKey",
]

MEANINGS: dict[OfLoads, Meaning] = {
    "TargetIsSource": Meaning(
        "load",
        "The target is the source.",
        "Correct the target; a physical clone of the source needs `physicalCloneOfSource: true`.",
    ),
    "TargetIsStandby": Meaning("load", "The target's server is a standby.", "Give the primary's address."),
    "TargetIsTemplate": Meaning(
        "load", "The target is a template database.", "Name another database, or make it a normal one."
    ),
    "TargetTooOld": Meaning(
        "load", "The target's server has an older major version than the source.", "Upgrade the target's server."
    ),
    "TargetHoldsData": Meaning(
        "load", "The target holds data that no load put there.", "Look at it; `overwrite: Any` replaces it."
    ),
    "TargetInUse": Meaning(
        "load",
        "The target has a prepared transaction, a replication slot or a subscription.",
        "Remove it by the statement in the message.",
    ),
    "TargetBusy": Meaning(
        "load",
        "Another load holds the target, or its sessions do not end.",
        "The attempt is made again; the message names who holds it.",
    ),
    "TargetChanged": Meaning(
        "load",
        "The target was dropped, made anew or moved while the load was at work.",
        "Nothing: the attempt is made again.",
    ),
    "NameTooLong": Meaning(
        "load", "The target's name leaves no room for `__previous`.", "Choose a name of fewer bytes."
    ),
    "NameTaken": Meaning(
        "load", "A database has the name that a rollback needs for a moment.", "Rename or drop that database."
    ),
    "NoPrevious": Meaning(
        "load", "There is no `<database>__previous` to roll back to.", "Load an older snapshot by action Load."
    ),
    "PreviousClosed": Meaning(
        "load", "`<database>__previous` is closed or a template.", "Open it by the statement in the message."
    ),
    "PreviousNotOurs": Meaning("load", "`<database>__previous` was not left by a load.", "Rename or drop it."),
    "NextNotOurs": Meaning("load", "`<database>__next` was not left by a load.", "Rename or drop it."),
    "ObsoleteNotOurs": Meaning("load", "`<database>__obsolete` was not left by a load.", "Rename or drop it."),
    "ProvenanceNotOurs": Meaning(
        "load",
        "Something that no load made has the name `datareplication.provenance` in the target.",
        "Drop it by the statement in the message.",
    ),
    "BuilderHasRights": Meaning(
        "load",
        "The build role has more rights than LOGIN.",
        "Give a role without attributes and memberships as `buildCredentialsSecretRef`.",
    ),
    "BuilderStays": Meaning("load", "Sessions of the build role do not end.", "Nothing: the attempt is made again."),
    "BuiltAsLoader": Meaning(
        "message of a load",
        "The source's code (CHECK, defaults, generated columns) ran as the load's role: no other role could build.",
        "Give a role as `buildCredentialsSecretRef`, or let the load's role make roles.",
    ),
    "UntrustedCode": Meaning(
        "message of a load",
        "A superuser loaded functions of untrusted languages, base types or operator classes of the source. Their code "
        "may do everything that the server may.",
        "Load a source that you do not trust with a role that is no superuser (`CREATEDB CREATEROLE`).",
    ),
    "AfterLoadAsLoader": Meaning(
        "message of a load",
        "After-load SQL runs as the load's role, and so do the source's triggers and functions that the SQL calls.",
        "With a source that you do not trust, begin the script with `ALTER TABLE … DISABLE TRIGGER USER`.",
    ),
    "WouldRunAsSuperuser": Meaning(
        "load",
        "InPlace would run the target's code (CHECK, indexes) as a superuser, but the code's owners are no superusers.",
        "Load in place as the owner of the tables, or use `strategy: Swap`.",
    ),
    "SchemaChangedByItsCode": Meaning(
        "load",
        "The source's own code changed the schema while rows came in.",
        "Correct that CHECK or generated column in the source.",
    ),
    "ExtensionTooOld": Meaning(
        "load",
        "The target's version of an extension lacks a table or column whose rows were dumped.",
        "Install the source's version of the extension there.",
    ),
    "LargeObjectsDiffer": Meaning(
        "load", "Not as many large objects arrived as were dumped.", "Dump again, and report it if it happens again."
    ),
    "RowsDiffer": Meaning(
        "load",
        "Not as many rows arrived as were dumped.",
        "A trigger or rule of the target may drop rows; otherwise dump again and report it.",
    ),
    "ChecksumDiffers": Meaning(
        "load",
        "A table's content is not what was dumped.",
        "Check whether both servers have the same extensions and settings; if they have, report it.",
    ),
    "EntriesMiscounted": Meaning(
        "load", "Not every entry of the schema was restored: a defect of the program.", "Report it, with the log."
    ),
    "NeedsSwap": Meaning("load", "The snapshot holds what InPlace does not carry.", "Use `strategy: Swap`."),
    "SchemaDrift": Meaning(
        "load",
        "The target's schema is not the snapshot's, which InPlace needs.",
        "Migrate the target, or use `strategy: Swap`.",
    ),
    "TriggersOfPartitions": Meaning(
        "load",
        "PostgreSQL 14 lets nobody disable a partition's triggers.",
        "Use `strategy: Swap`, or upgrade the target.",
    ),
    "ForeignKeyDisabled": Meaning(
        "load (InPlace)",
        "A foreign key of the target is disabled, and a load in place would make it hold again.",
        "Enable it or drop it, or use strategy `Swap`.",
    ),
    "EventTriggerRefused": Meaning(
        "load",
        "An event trigger of the target ended the load.",
        "Let the trigger's function accept the load's role, or disable the trigger.",
    ),
    "CannotReadAfterLoad": Meaning(
        "load", "The file of the after-load SQL cannot be read.", "Correct the ConfigMap's key, or its encoding."
    ),
    "AfterLoadFailed": Meaning(
        "load", "The after-load SQL failed; the target is as it was.", "Correct the script at the line in the message."
    ),
    "LeakFound": Meaning(
        "load",
        "A masked database holds values that must not leave production; the target stays as it was.",
        "Mask the columns that the message names, mend the after-load SQL, or allow what may be there in the rules' "
        "`leakGate`.",
    ),
    "NotMasked": Meaning(
        "load",
        "The snapshot is not masked, but the DataReplication masks.",
        "Load a snapshot that was dumped with the rules.",
    ),
    "WrongMaskingKey": Meaning(
        "load",
        "The masking key is not the one with which the snapshot was dumped.",
        "Give dump and load the same key; after a change of the key, dump again.",
    ),
}
