"""The program `kubectl-datareplication`, which kubectl calls for `kubectl datareplication`.

A command's module, and with it the Kubernetes client and rich, is imported when the command is called: help comes at
once. Errors end with one line on standard error and the exit codes of `errors.py`.
"""

import contextlib
import importlib
import os
import sys
import traceback
from collections.abc import Sequence
from typing import Any

import click

from datareplication.cli import places
from datareplication.core import plain
from datareplication.errors import ReplicationError, UsageError

INTERRUPTED = 130
UNREAD = 141
"""As kubectl, which SIGPIPE ends: 0 would say of `run --wait` that the run has succeeded."""

COMMANDS = {
    "status": "Phases, how old each target's data is, what runs now.",
    "run": "Start a run now; with --wait follow it to its end.",
    "rollback": "Bring back the databases from before the last load.",
    "logs": "The log of the step that matters.",
    "history": "The runs, the latest first.",
    "why": "The one reason for what is wrong now, and what to do.",
    "report": "Write a bundle for a report of a defect, without secrets.",
    "suspend": "Start no further scheduled runs.",
    "resume": "Start scheduled runs again.",
}


class Commands(click.Group):
    """Imports a command when it is called."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002 - click's own interface
        """Return the names in the order of the help."""
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002
        """Return a command."""
        if cmd_name not in COMMANDS:
            return None
        command: click.Command = getattr(importlib.import_module(f"datareplication.cli.commands.{cmd_name}"), cmd_name)
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:  # noqa: ARG002
        """Write the commands without importing them."""
        with formatter.section("Commands"):
            formatter.write_dl(list(COMMANDS.items()))


@click.group(
    cls=Commands,
    params=places.options(),
    context_settings={"help_option_names": ["-h", "--help"]},
    invoke_without_command=True,
)
@click.pass_context
def group(ctx: click.Context, /, **given: str | None) -> None:
    """See, start and repair DataReplications: copies of production's PostgreSQL for dev, staging and QA.

    Each command's help says which command of kubectl it stands for.
    """
    ctx.obj = given
    if ctx.invoked_subcommand is None:
        click.echo(ctx.get_help())


def main(argv: Sequence[str] | None = None) -> int:
    """Run the program; return its exit code."""
    with contextlib.suppress(AttributeError, OSError):
        sys.stdout.reconfigure(errors="backslashreplace")  # type: ignore[union-attr]
    try:
        code: Any = group.main(argv, prog_name="kubectl datareplication", standalone_mode=False)
        sys.stdout.flush()
    except (BrokenPipeError, SystemExit):  # `| head` has seen enough; click itself exits for no other reason
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
        return UNREAD
    except (KeyboardInterrupt, click.Abort):
        return INTERRUPTED
    except click.UsageError as error:
        return _complain(UsageError(f"{error.format_message()} (see --help)"))
    except ReplicationError as error:
        return _complain(error)
    except Exception as error:  # noqa: BLE001 - the program's last line of defence
        return _complain(_unexpected(error))
    return code if isinstance(code, int) else 0


def _complain(error: ReplicationError) -> int:
    with contextlib.suppress(AttributeError, OSError):
        sys.stderr.write(f"error: {plain.text(error.message)}\n")
    return error.exit_code


def _unexpected(error: Exception) -> ReplicationError:
    """Return a defect as our error; its own text is not shown, because it may quote anything."""
    place = traceback.extract_tb(error.__traceback__)[-1]
    where = f"{os.path.basename(place.filename)}, line {place.lineno}"  # noqa: PTH119
    return ReplicationError(f"unexpected {type(error).__name__} in {where}; this is a defect of the plugin: report it")


if __name__ == "__main__":
    sys.exit(main())
