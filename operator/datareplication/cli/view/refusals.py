"""What an answer of the API server means for the person who asked: one line with the remedy. Pure."""

import difflib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from shlex import quote

from datareplication.core import plain
from datareplication.core.kinds import Kind
from datareplication.core.names import GROUP
from datareplication.errors import CapabilityError, ReplicationError, RightsError, TransientError, UsageError

NAMES_SHOWN = 10

READS = ("get", "list", "watch")


@dataclass(frozen=True)
class Request:
    """What was asked for. namespace: empty for all; name: empty for a collection; part: a subresource such as `log`."""

    verb: str
    kind: Kind
    namespace: str = ""
    name: str = ""
    part: str = ""

    @property
    def resource(self) -> str:
        """Return the resource as rules of a Role name it."""
        return f"{self.kind.plural}/{self.part}" if self.part else self.kind.plural

    @property
    def place(self) -> str:
        """Return where, in words."""
        return f"in namespace {self.namespace}" if self.namespace else "in all namespaces"

    @property
    def is_ours(self) -> bool:
        """Whether the kind is one of the operator's own."""
        return self.kind.api_version.startswith(f"{GROUP}/")


class MissingError(UsageError):
    """There is no such object; commands say which names are near."""


def refused(status: int, body: bytes, request: Request) -> ReplicationError:
    """Return the error of an answer with an HTTP status of 400 or more."""
    message = message_of(body)
    if status == 401:  # noqa: PLR2004 - HTTP's own
        return RightsError("the API server does not know you; log in to the cluster again (try kubectl auth whoami)")
    if status == 403 and not _is_of_admission(message):  # noqa: PLR2004
        return RightsError(_without_right(request))
    if status == 404 and request.name and not request.part:  # noqa: PLR2004 - of a part, something else may be missing
        return MissingError(f"there is no {request.kind.name} {request.name!r} {request.place}")
    if status == 404 and request.is_ours:  # noqa: PLR2004
        return CapabilityError(NOT_INSTALLED)
    if status in (400, 403, 404, 405, 409, 413, 422):
        return UsageError(f"Kubernetes refuses to {request.verb} {request.resource}: {message or status}")
    return TransientError(f"the API server answers {status}: {message or 'without a message'}; try again")


NOT_INSTALLED = (
    f"this cluster knows no resources of {GROUP}: install the operator (docs/installing.md), or give the --context of "
    "a cluster that has it"
)


def unreachable(host: str, why: str) -> TransientError:
    """Return that no answer came. why: the client's own words."""
    return TransientError(f"the API server {plain.text(host, 200)} does not answer: {plain.text(why, 300)}; try again")


def _without_right(request: Request) -> str:
    role = "view" if request.verb in READS else "edit"
    verb, resource = request.verb, f"{request.resource}{'.' + GROUP if request.is_ours else ''}"
    ask = "ask for that right in the whole cluster, or give one namespace with -n"
    if request.namespace:
        command = f"kubectl create rolebinding NAME --clusterrole={role} --user=YOU -n {quote(request.namespace)}"
        ask = f"ask for the role {role} there: {command}"
    return f"you may not {verb} {resource} {request.place}; {ask}"


def message_of(body: bytes) -> str:
    """Return the message of a Status object, or the text itself."""
    try:
        answer = json.loads(body)
    except (ValueError, RecursionError):
        return plain.text(body.decode(errors="replace").strip(), 300)
    return plain.text(answer.get("message"), 1000) if isinstance(answer, dict) else ""


def _is_of_admission(message: str) -> bool:
    """Whether a webhook, a policy or a quota refused the object, not a missing right."""
    return any(words in message for words in ("denied the request", "denied request", "exceeded quota"))


def unknown(what: str, name: str, there: Sequence[str], place: str) -> UsageError:
    """Return that a name does not exist, with the names that are near. place: `in namespace x`."""
    near = difflib.get_close_matches(name, there, n=3, cutoff=0.5)
    if near:
        hint = f"did you mean {' or '.join(near)}?"
    elif there:
        more = f" and {len(there) - NAMES_SHOWN} more" if len(there) > NAMES_SHOWN else ""
        hint = f"there are: {', '.join(sorted(there)[:NAMES_SHOWN])}{more}"
    else:
        hint = f"there is no {what} at all"
    return UsageError(f"there is no {what} {plain.text(name, 100)!r} {place}; {hint}")
