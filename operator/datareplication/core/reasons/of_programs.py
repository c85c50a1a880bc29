"""Reasons of both programs that are about no database: arguments, the machine, the default of each kind of error."""

from typing import Literal

from datareplication.core.reasons.meaning import Meaning

OfPrograms = Literal[
    "Dumped",
    "Loaded",
    "UnexpectedError",
    "Transient",
    "BadArguments",
    "BadData",
    "MissingCapability",
    "GuardRefused",
    "MissingVariable",
    "NotSupportedYet",
    "NotUtf8",
    "NotText",
    "Terminated",
    "OutOfMemory",
    "OutOfResources",
    "LocalFailure",
    "MissingTool",
    "ToolFailed",
    "ToolKilled",
    "WorkerKilled",
]

MEANINGS: dict[OfPrograms, Meaning] = {
    "Dumped": Meaning("dump", "The snapshot was published."),
    "Loaded": Meaning("load", "The target shows the snapshot."),
    "UnexpectedError": Meaning(
        "dump, load", "A defect of the program; its log has the traceback.", "Report it, with the log."
    ),
    "Transient": Meaning(
        "dump, load",
        "A failure that may pass: a timeout, the network, a server that starts or stops.",
        "Nothing: the attempt is made again.",
    ),
    "BadArguments": Meaning(
        "dump, load", "An argument or a variable of the environment is wrong.", "Correct it as the message says."
    ),
    "BadData": Meaning(
        "dump, load",
        "Data that cannot be used: a corrupt snapshot, or a value that PostgreSQL refuses.",
        "The message names the object; dump again, or correct the data in the source.",
    ),
    "MissingCapability": Meaning(
        "dump, load",
        "The server or the image lacks something, for example an extension or a version.",
        "Install what the message names.",
    ),
    "GuardRefused": Meaning("load", "The guard refused to replace the target.", "The message names the remedy."),
    "MissingVariable": Meaning(
        "dump, load",
        "A variable of the environment is missing or empty.",
        "Set it; under the operator, give the Secret that key.",
    ),
    "NotSupportedYet": Meaning(
        "load", "An option has a value that this version does not carry out.", "Use another value."
    ),
    "NotUtf8": Meaning(
        "dump, load", "An argument or a variable of the environment is not UTF-8.", "Write it as UTF-8."
    ),
    "NotText": Meaning(
        "dump, load",
        "A text from the server is not valid in its encoding, which SQL_ASCII allows.",
        "Rename the object that the text names.",
    ),
    "Terminated": Meaning(
        "dump, load",
        "The program was asked to end (SIGTERM, SIGINT, SIGHUP) and has cleaned up.",
        "Nothing: another attempt is made, unless the run was ended.",
    ),
    "OutOfMemory": Meaning(
        "dump, load",
        "The program, pg_dump or pg_restore ran out of memory.",
        "Raise `resources.limits.memory`, or use fewer `workers`.",
    ),
    "OutOfResources": Meaning(
        "dump, load",
        "The machine had too few processes, threads, files or memory left, or a file server did not answer.",
        "Raise that limit; the attempt is made again.",
    ),
    "LocalFailure": Meaning(
        "dump, load",
        "A file or program of the container or the machine cannot be used.",
        "Repair what the message names.",
    ),
    "MissingTool": Meaning(
        "dump, load",
        "The image has no pg_dump or pg_restore of a suitable version.",
        "Use an image with client programs of that major version.",
    ),
    "ToolFailed": Meaning(
        "dump, load", "pg_dump or pg_restore failed in an unknown way.", "The message has that program's error message."
    ),
    "ToolKilled": Meaning(
        "dump, load",
        "pg_dump or pg_restore was killed, perhaps because memory ran out.",
        "Raise `resources.limits.memory`; the attempt is made again.",
    ),
    "WorkerKilled": Meaning(
        "dump, load",
        "A worker process was killed, perhaps because memory ran out.",
        "Raise `resources.limits.memory`, or use fewer `workers`; the attempt is made again.",
    ),
}
