"""How a command is declared: its name, kubectl's own options, and which command of kubectl it stands for."""

import functools
import inspect
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import click

from datareplication.cli import places
from datareplication.cli.api import connect
from datareplication.cli.session import Session
from datareplication.core import words


def command(
    stands_for: str, *, several: bool = False, has_output: bool = True
) -> Callable[[Callable[..., int]], click.Command]:
    """Return a decorator that makes a command of a function, which gets a Session first and returns the exit code.

    stands_for: the command of kubectl. several: whether -A makes sense. has_output: whether there is --output.
    """

    def decorated(work: Callable[..., int]) -> click.Command:
        params: list[click.Parameter] = list(reversed(getattr(work, "__click_params__", [])))
        params += [*places.options(), *([ALL] if several else []), *([OUTPUT] if has_output else [])]
        return click.Command(
            work.__name__,
            callback=_called(work),
            params=params,
            help=inspect.getdoc(work),
            epilog=f"Stands for: {stands_for}",
        )

    return decorated


def _called(work: Callable[..., int]) -> Callable[..., int]:
    @click.pass_context
    def call(context: click.Context, /, **given: Any) -> int:
        chosen = {name: given.pop(name) or (context.obj or {}).get(name) or "" for name in places.NAMES}
        is_everywhere, is_json = given.pop("all_namespaces", False), given.pop("output", "text") == "json"
        api = connect(chosen["kubeconfig"], chosen["context"])
        namespace = "" if is_everywhere else chosen["namespace"] or api.namespace
        return work(Session(api, namespace, is_json), **given)

    return call


ALL = click.Option(["-A", "--all-namespaces"], is_flag=True, help="All namespaces.")
OUTPUT = click.Option(
    ["-o", "--output"],
    type=click.Choice(["text", "json"]),
    default="text",
    help="For people (text) or programs (json).",
)


class Limit(click.ParamType[float]):
    """A duration such as `90s`, `30m`, `2h`, in seconds."""

    name = "duration"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> float:
        """Return the seconds."""
        if isinstance(value, float):
            return value
        found = words.limit(str(value))
        if found is None:
            self.fail(f"{value!r} is no duration: write 90s, 30m or 2h", param, ctx)
        return found.total_seconds()


target_option = click.option(
    "--target",
    "targets",
    multiple=True,
    metavar="NAME",
    callback=lambda _, __, names: tuple(dict.fromkeys(names)),
    help="Only this target; may be given several times.",
)


@dataclass(frozen=True)
class Patience:
    """Whether to wait for the run's end, and for how many seconds; None for ever."""

    is_waiting: bool
    seconds: float | None


def waits(work: Callable[..., int]) -> Callable[..., int]:
    """Give a command the options --wait and --timeout; it gets them as `patience`."""

    @click.option("--wait", is_flag=True, help="Follow the run to its end; the exit code tells how it ended.")
    @click.option("--timeout", type=Limit(), metavar="DURATION", help="With --wait: give up after 90s, 30m, 2h …")
    @functools.wraps(work)
    def called(*arguments: Any, wait: bool, timeout: float | None, **given: Any) -> int:
        return work(*arguments, **given, patience=Patience(wait, timeout))

    return called
