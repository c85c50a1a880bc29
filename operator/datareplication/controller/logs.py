"""How the operator logs: one line for one record, whatever text of others the record holds."""

import logging
from typing import Any

from pythonjsonlogger.json import JsonFormatter

from datareplication.controller import watching
from datareplication.controller.options import LogFormat
from datareplication.core import plain

FORMAT = "%(asctime)s %(levelname)s %(name)s %(message)s"
NOISY = ("kopf", "aiohttp.access", "openlineage")


class Lines(logging.Formatter):
    """Makes a record's text safe to show."""

    def formatMessage(self, record: logging.LogRecord) -> str:  # noqa: N802 - logging's name
        """Return the line of a record."""
        record.message = plain.text(record.message)
        return super().formatMessage(record)

    def formatException(self, ei: Any) -> str:  # noqa: N802 - logging's name
        """Return a traceback; its last line may hold text that others wrote."""
        return "\n".join(map(plain.text, super().formatException(ei).split("\n")))


def json_lines() -> logging.Formatter:
    """Return a formatter of JSON, with the names that the Jobs' lines have; JSON escapes what is not safe to show."""
    renamed = {"levelname": "level", "name": "logger", "exc_info": "exception"}
    return JsonFormatter("%(levelname)s %(name)s %(message)s", timestamp="time", rename_fields=renamed)


def configure(level: str, form: LogFormat = "text") -> None:
    """Let everything log to standard error, from this level on."""
    handler = logging.StreamHandler()
    handler.setFormatter(json_lines() if form == "json" else Lines(FORMAT))
    handler.addFilter(watching.FewRepetitions())
    logging.basicConfig(level=level, handlers=[handler])
    for name in NOISY:
        logging.getLogger(name).setLevel(logging.WARNING)
