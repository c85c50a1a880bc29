"""What must be true: the final objects equal the clean run's, and nothing forbidden stands in the trace.

It knows which parts of an object differ from run to run for good reasons; all others are compared.
"""

import json
import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from datareplication.core import names
from faultlab.api import Api, Object
from faultlab.kubelet import Work
from faultlab.proxy import LEASES, Request

COMPARED = ("datareplications", "datareplicationruns", "jobs", "persistentvolumeclaims")
TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z")
UID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
DAY = re.compile(r"(?<![0-9])20\d\d-?[01]\d-?[0-3]\d(?![0-9])")
INSTANT = re.compile(r"\d{8}T\d{6}Z")
VOLATILE = {"resourceVersion", "creationTimestamp", "managedFields", "selfLink", "duration"}
# What a retry leaves on its Job depends on whether the operator was there while it was delayed.
OF_A_DELAY = {names.DELAYED_ANNOTATION, names.RETRY_AT_ANNOTATION}
SIGTERM = 143

Final = dict[str, Any]


async def final_objects(api: Api, namespace: str, marks: Mapping[str, str]) -> Final:
    """Return all that is compared, by kind and name, without what differs from run to run."""
    found = {}
    for plural in COMPARED:
        for item in await api.items(plural, namespace):
            text = json.dumps(_stable(plural, item))
            for name, mark in marks.items():
                text = text.replace(name, mark)
            text = DAY.sub("<day>", INSTANT.sub("<time>", UID.sub("<uid>", TIME.sub("<time>", text))))
            plain = json.loads(text.replace(namespace, "<namespace>"))
            found[f"{plural}/{plain['metadata']['name']}"] = plain
    return found


def difference(expected: Any, found: Any, at: str = "") -> list[str]:
    """Return how two ends differ, a line for each place; empty when they do not."""
    if expected == found:
        return []
    if isinstance(expected, dict) and isinstance(found, dict):
        return [
            line
            for key in sorted(expected.keys() | found.keys())
            for line in _difference_at(expected, found, key, f"{at}.{key}" if at else key)
        ]
    if isinstance(expected, list) and isinstance(found, list) and len(expected) == len(found):
        pairs = enumerate(zip(expected, found, strict=True))
        return [line for number, pair in pairs for line in difference(*pair, f"{at}[{number}]")]
    return [f"{at}: {_short(found)} instead of {_short(expected)}"]


def _difference_at(expected: Any, found: Any, key: str, at: str) -> list[str]:
    if key not in found:
        return [f"{at} is missing: {_short(expected[key])}"]
    if key not in expected:
        return [f"{at} is there: {_short(found[key])}"]
    return difference(expected[key], found[key], at)


def _short(value: Any) -> str:
    return json.dumps(value)[:200]


def violations(trace: Iterable[Request], succeeded: Mapping[Work, float], namespace: str) -> list[str]:
    """Return what was done that must never be done."""
    trace = list(trace)
    made = [request for request in trace if request.verb == "create" and request.status == 201]
    return [*_made_twice(made), *_loads_too_early(made, succeeded, namespace), *_without_lease(trace)]


def _made_twice(made: Iterable[Request]) -> list[str]:
    """A slot decides its run's name, a run its Jobs' names: a name made twice means a slot run twice."""
    counted = Counter(f"{one.plural}/{one.name}" for one in made if one.plural in COMPARED)
    return [f"{name} was created {count} times" for name, count in counted.items() if count > 1]


def _loads_too_early(made: Iterable[Request], succeeded: Mapping[Work, float], namespace: str) -> list[str]:
    found = []
    for one in made:
        labels = ((one.body or {}).get("metadata") or {}).get("labels") or {}
        if one.plural != "jobs" or labels.get(names.ROLE_LABEL) != names.LOAD:
            continue
        run = labels[names.RUN_LABEL]
        if run.startswith("hand-") and run != "hand-1":
            continue  # these have no dump
        if one.began < succeeded.get(Work(namespace, run, names.DUMP), float("inf")):
            found.append(f"{one.name} was created before its snapshot was published")
    return found


def waits_for_loads(trace: Iterable[Request], succeeded: Mapping[str, float]) -> dict[str, float]:
    """Return run -> seconds from its dump's success to its first load, for runs whose loads wait for no other run.

    succeeded: when each run's dump had succeeded, by time.monotonic().
    """
    waits: dict[str, float] = {}
    for one in trace:
        labels = ((one.body or {}).get("metadata") or {}).get("labels") or {}
        run = labels.get(names.RUN_LABEL, "")
        is_load = one.plural == "jobs" and one.verb == "create" and labels.get(names.ROLE_LABEL) == names.LOAD
        if is_load and run in succeeded and not run.startswith("hourly"):
            waits.setdefault(run, one.began - succeeded[run])
    return waits


def resyncs_before_loads(trace: Sequence[Request], succeeded: Mapping[str, float]) -> dict[str, int]:
    """Return run -> how many resyncs began between its dump's success and its first load; no machine is slow for that."""
    resyncs = [one.began for one in trace if _begins_resync(one)]
    loaded = {run: succeeded[run] + seconds for run, seconds in waits_for_loads(trace, succeeded).items()}
    return {run: sum(succeeded[run] < began < end for began in resyncs) for run, end in loaded.items()}


def _begins_resync(one: Request) -> bool:
    return one.plural == "datareplications" and one.verb == "list" and "continue" not in one.query


@dataclass(frozen=True)
class Term:
    """A time during which a process held the lease."""

    begin: float
    end: float
    holder: str


def terms(trace: Iterable[Request]) -> list[Term]:
    """Return when which process held the lease, by what it wrote and the server accepted.

    A term begins when its write was answered and lasts `leaseDurationSeconds` from when it was sent, or until the process
    gave the lease back.
    """
    held: list[Term] = []
    for one in trace:
        if one.plural != LEASES or not one.is_write or one.status not in (200, 201):
            continue
        spec, holder = (one.body or {}).get("spec") or {}, str(one.process)
        if spec.get("holderIdentity"):
            held.append(Term(one.ended, one.began + float(spec["leaseDurationSeconds"]), holder))
        else:
            held = [replace(term, end=min(term.end, one.began)) if term.holder == holder else term for term in held]
    return held


def _without_lease(trace: list[Request]) -> list[str]:
    """Every write lies in a term of its process; an operator that takes no lease is not judged."""
    if not any(one.plural == LEASES and one.is_write for one in trace):
        return []
    held = terms(trace)
    return [
        f"written without the lease: {one}"
        for one in trace
        if one.is_write and one.plural != LEASES and not any(_is_within(one, term) for term in held)
    ]


def _is_within(one: Request, term: Term) -> bool:
    """Whether a write lies in a term of its process; it may have come earlier than a busy machine let the proxy see."""
    return term.holder == str(one.process) and term.begin <= one.began and one.began - one.late <= term.end


def _stable(plural: str, item: Object) -> Any:
    plain = _without(item, VOLATILE | OF_A_DELAY)
    if plural == "persistentvolumeclaims":
        return {"metadata": plain["metadata"], "spec": plain["spec"]}
    if plural == "jobs":
        return _stable_job(plain)
    if plural == "datareplicationruns":
        # Whether its Job was made first depends on whether the operator was there when its slot came.
        (plain["metadata"].get("annotations") or {}).pop(names.BEGUN_ANNOTATION, None)
        plain["metadata"] = {key: value for key, value in plain["metadata"].items() if value != {}}
    status = plain.get("status") or {}
    for step in (*status.get("targets", ()), status.get("dump") or {}):
        _forget_chances(step)
    return plain


def _stable_job(plain: Any) -> Any:
    """Drop what differs by how often the Job was suspended, and the names of pods."""
    plain["metadata"].pop("generation")
    if not plain["metadata"].get("annotations"):
        plain["metadata"].pop("annotations", None)
    status = plain.get("status") or {}
    plain["status"] = sorted(
        condition["type"]
        for condition in status.get("conditions", ())
        if condition["status"] == "True" and condition["type"] in ("Complete", "Failed", "Suspended")
    )
    container = plain["spec"]["template"]["spec"]["containers"][0]
    # Which of its siblings were still open when it was made.
    container["args"] = [word for word in container["args"] if not word.startswith("--in-use=")]
    return plain


def _forget_chances(step: Any) -> None:
    """Drop pods' names, and a pod that was deleted, which may be gone before anybody looked at it."""
    ended = [attempt for attempt in step.get("endedAttempts", ()) if attempt.get("exitCode") != SIGTERM]
    for attempt in ended:
        attempt.pop("pod")
    if ended:
        step["endedAttempts"] = ended
    else:
        step.pop("endedAttempts", None)


def _without(value: Any, keys: set[str]) -> Any:
    if isinstance(value, dict):
        return {key: _without(part, keys) for key, part in value.items() if key not in keys}
    return [_without(part, keys) for part in value] if isinstance(value, list) else value
