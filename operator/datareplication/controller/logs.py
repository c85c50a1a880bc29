"""How the operator logs: one line for one record, whatever strangers have said in it."""

import logging
from typing import Any

from datareplication.controller import watching
from datareplication.core import plain

FORMAT = "%(asctime)s %(levelname)s %(name)s %(message)s"
NOISY = ("kopf", "aiohttp.access")


class Lines(logging.Formatter):
    """Makes what a record says fit to be shown."""

    def formatMessage(self, record: logging.LogRecord) -> str:  # noqa: N802 - logging's name
        """Return the line of a record."""
        record.message = plain.text(record.message)
        return super().formatMessage(record)

    def formatException(self, ei: Any) -> str:  # noqa: N802 - logging's name
        """Return a traceback; its last line may hold a stranger's words."""
        return "\n".join(map(plain.text, super().formatException(ei).split("\n")))


def configure(level: str) -> None:
    """Let everything log to standard error, from this level on."""
    handler = logging.StreamHandler()
    handler.setFormatter(Lines(FORMAT))
    handler.addFilter(watching.FewRepetitions())
    logging.basicConfig(level=level, handlers=[handler])
    for name in NOISY:
        logging.getLogger(name).setLevel(logging.WARNING)
