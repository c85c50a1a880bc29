"""A resource gets wrong values one by one, and the right ones back: what the operator says of each.

The schema of the CRD is taken away, so that everything reaches the operator.
"""

import asyncio
import copy
import json
import time
import uuid
from collections.abc import AsyncIterator, Iterable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from faultlab.api import Api, ApiError, Object, path
from faultlab.controlplane import DEFINITIONS, ControlPlane, definitions
from faultlab.faults import Fault
from faultlab.mutations import Mutation, all_of, dotted
from faultlab.oracle import difference
from faultlab.process import Supervisor, supervised
from faultlab.proxy import proxying
from faultlab.scenario import connection

JSON_PATCH = "application/json-patch+json"
ANSWER_SECONDS = 30.0
POLL_SECONDS = 0.03
PARALLEL = 8
LONGEST_STATUS_BYTES = 20_000
VOLATILE = ("lastTransitionTime", "observedGeneration")


def schema_of(plural: str) -> Object:
    """Return the schema of a kind's spec."""
    spec: Object = definitions()[plural]["spec"]["versions"][0]["schema"]["openAPIV3Schema"]["properties"]["spec"]
    return spec


def mutations_of_runs() -> list[Mutation]:
    """Return all mutations of a run's own fields; the copy of the resource's spec in it only as a whole."""
    return [
        one
        for one in all_of(schema_of("datareplicationruns"))
        if one.path[:1] != ("replication",) or len(one.path) == 1
    ]


@asynccontextmanager
async def without_schema(api: Api) -> AsyncIterator[None]:
    """Take the CRDs' schemas of the specs away for the duration of a block."""
    await _redefine(api, map(_without_schema, definitions().values()), takes_anything=True)
    try:
        yield
    finally:
        await _redefine(api, definitions().values(), takes_anything=False)


async def _redefine(api: Api, wanted: Iterable[Object], *, takes_anything: bool) -> None:
    """Replace the CRDs; return once the API server goes by them."""
    for definition in wanted:
        at = f"{DEFINITIONS}/{definition['metadata']['name']}"
        version = (await api.call("GET", at))["metadata"]["resourceVersion"]
        metadata = {**definition["metadata"], "resourceVersion": version}
        await api.call("PUT", at, {**definition, "metadata": metadata})
    async with asyncio.timeout(ANSWER_SECONDS):
        for kind, plural in (("DataReplication", "datareplications"), ("DataReplicationRun", "datareplicationruns")):
            while await _takes_anything(api, kind, plural) is not takes_anything:
                await asyncio.sleep(POLL_SECONDS)


async def _takes_anything(api: Api, kind: str, plural: str) -> bool:
    spec = {"replicationName": "nobody", "targets": "no list"}
    manifest = {"apiVersion": "datareplication.dev/v1alpha1", "kind": kind, "metadata": {"name": "odd"}, "spec": spec}
    try:
        await api.call("POST", path(plural, "default"), manifest, query={"dryRun": "All"})
    except ApiError as error:
        if error.status != 422:
            raise
        return False
    return True


def _without_schema(definition: Object) -> Object:
    """Remove the CRD's schema of the spec, except for the field that assigns a run to its DataReplication."""
    anything: Object = {"x-kubernetes-preserve-unknown-fields": True}
    for version in definition["spec"]["versions"]:
        schema = version["schema"]["openAPIV3Schema"]
        schema.pop("x-kubernetes-validations", None)
        schema.pop("required", None)
        key = schema["properties"]["spec"]["properties"].get("replicationName")
        of_run = {"type": "object", "properties": {"replicationName": key}, "required": ["replicationName"], **anything}
        schema["properties"]["spec"] = of_run if key else anything
    return definition


def base() -> Object:
    """Return a spec with something in most fields; its next slot is months away."""
    reference = {"name": "ca", "key": "ca.crt"}
    pod = {
        "resources": {"limits": {"memory": "1Gi"}},
        "nodeSelector": {"a-key": "value"},
        "imagePullSecrets": [{"name": "registry"}],
        "podLabels": {"a-key": "value"},
        "podAnnotations": {"a-key": "value"},
        "tolerations": [{"operator": "Exists"}],
    }
    target = {
        "name": "dev",
        **connection("dev-db.dev.svc"),
        "sslRootCert": {"configMapKeyRef": reference},
        "afterLoad": {"configMapKeyRef": {"name": "after", "key": "after.sql"}},
        **pod,
    }
    tables = {"include": ["public.*"], "exclude": ["public.a"], "schemaOnly": ["public.b"]}
    away = datetime.now(UTC).month % 12 + 1
    spec = {
        "description": "all fields",
        "tags": ["a"],
        "schedule": {"cron": f"0 0 28 {away} *", "timeZone": "Etc/UTC"},
        "retryPolicy": {"retries": 1, "delaySeconds": 1},
        "history": {"successful": 3, "failed": 3},
        "source": {**connection("prod-db.prod.svc"), "sslRootCert": {"secretKeyRef": reference}, "tables": tables},
        "snapshot": {"persistentVolumeClaim": {"claimName": "snapshots"}, "retention": {"keep": 7}},
        "dump": pod,
        "targets": [target, {"name": "qa", **connection("qa-db.qa.svc")}],
    }
    separate: Object = json.loads(json.dumps(spec))
    return separate


@dataclass
class Told:
    """What the operator said of one mutation. problems: what is wrong with the answer; stalled: whether it refused."""

    mutation: Mutation
    stalled: bool
    message: str
    problems: list[str] = field(default_factory=list)


@dataclass
class Live:
    """An operator with resources to mutate."""

    api: Api
    namespace: str

    async def create(self, name: str) -> Object:
        """Create a resource; return its status once it is observed."""
        manifest = {"apiVersion": "datareplication.dev/v1alpha1", "kind": "DataReplication"}
        at = path("datareplications", self.namespace)
        await self.api.create(at, {**manifest, "metadata": {"name": name}, "spec": base()})
        return stable(await self.observed(name, 1))

    async def spec(self, name: str, spec: Any) -> int:
        """Replace the spec; return the generation that this makes."""
        patch = json.dumps([{"op": "replace", "path": "/spec", "value": spec}]).encode()
        at = path("datareplications", self.namespace, name)
        async with self.api.session.patch(at, data=patch, headers={"Content-Type": JSON_PATCH}) as answer:
            text = await answer.text()
            if answer.status != 200:
                raise AssertionError(f"not stored: {text[:300]}")
            return int(json.loads(text)["metadata"]["generation"])

    async def observed(self, name: str, generation: int) -> Object:
        """Return the status once it is of that generation; empty when that does not come."""
        end = time.monotonic() + ANSWER_SECONDS
        while time.monotonic() < end:
            found = await self.api.get("datareplications", self.namespace, name) or {}
            status: Object = found.get("status") or {}
            if status.get("observedGeneration", 0) >= generation:
                return status
            await asyncio.sleep(POLL_SECONDS)
        return {}

    async def go_through(self, name: str, mutation: Mutation, healthy: Object) -> Told:
        """Mutate and revert."""
        wanted = base()
        mutated = mutation.of(wanted)
        generation = await self.spec(name, mutated)
        status = await self.observed(name, generation)
        told = _judged(mutation, status)
        back = await self.observed(name, await self.spec(name, wanted))
        if stable(back) != healthy:
            told.problems += [f"after the revert: {line}" for line in difference(healthy, stable(back))]
        return told

    async def run(self, mutation: Mutation) -> Told:
        """Make a run by hand with a mutation, and delete it. A run without a spec belongs to no DataReplication."""
        spec = mutation.of({"replicationName": "mutated-0"})
        told = Told(mutation, stalled=True, message="refused by the API")
        manifest = {"apiVersion": "datareplication.dev/v1alpha1", "kind": "DataReplicationRun", "spec": spec}
        runs = path("datareplicationruns", self.namespace)
        try:
            await self.api.create(runs, {**manifest, "metadata": {"name": "mutated"}})
        except ApiError as error:
            if error.status not in (400, 422):
                raise
            return told
        status: Object = {}
        end = time.monotonic() + (ANSWER_SECONDS if isinstance(spec, dict) else 0.5)
        while time.monotonic() < end and not status.get("phase"):
            await asyncio.sleep(POLL_SECONDS)
            status = (await self.api.get("datareplicationruns", self.namespace, "mutated") or {}).get("status") or {}
        told = Told(mutation, stalled=status.get("phase") == "Failed", message=status.get("message", ""))
        if not status and isinstance(spec, dict):
            told.problems.append(f"not observed within {ANSWER_SECONDS:.0f} s")
        if told.stalled and not names_field(told.message, mutation):
            told.problems.append(f"the field is not named: {told.message}")
        await self.api.call("DELETE", f"{runs}/mutated")
        return told


def _judged(mutation: Mutation, status: Object) -> Told:
    conditions = {one["type"]: one for one in status.get("conditions", ())}
    stalled = conditions.get("Stalled", {})
    told = Told(mutation, stalled.get("status") == "True", stalled.get("message", ""))
    if not status:
        told.problems.append(f"not observed within {ANSWER_SECONDS:.0f} s")
    elif {"Ready", "Reconciling", "Stalled"} - conditions.keys():
        told.problems.append(f"conditions are missing: {sorted(conditions)}")
    if len(json.dumps(status)) > LONGEST_STATUS_BYTES:
        told.problems.append(f"a status of {len(json.dumps(status))} bytes")
    if told.stalled and not (stalled.get("reason") and names_field(told.message, mutation)):
        told.problems.append(f"the field is not named: {stalled}")
    return told


def names_field(message: str, mutation: Mutation) -> bool:
    """Say whether a message names the field, one above or below it, or a field beside it that it needs."""
    named, wanted = message.partition(": ")[0], dotted(mutation.path)
    return named.startswith("spec") and (named.startswith(wanted) or wanted.startswith(named.rpartition(".")[0]))


def stable(status: Object) -> Object:
    """Return a status without times and generations."""
    plain = copy.deepcopy(status)
    plain.pop("observedGeneration", None)
    plain.pop("schedule", None)
    conditions = {one["type"]: one for one in plain.pop("conditions", ())}
    for condition in conditions.values():
        for key in VOLATILE:
            condition.pop(key, None)
    return {**plain, "conditions": conditions}


async def mutated(
    plane: ControlPlane, folder: Path, mutations: Iterable[Mutation], run_mutations: Iterable[Mutation]
) -> AsyncIterator[Told]:
    """Yield what one live operator says of each mutation of a resource, then of each of a run.

    The last `Told` is of what should not have been disturbed.
    """
    api = plane.api
    namespace = f"states-{uuid.uuid4().hex[:8]}"
    await api.create("/api/v1/namespaces", {"metadata": {"name": namespace}})
    operator_api = plane.operator_api()
    async with proxying(operator_api, Fault()) as proxy, supervised(Supervisor(proxy, namespace, folder)) as supervisor:
        live = Live(api, namespace)
        names = [f"mutated-{number}" for number in range(PARALLEL)]
        healthy = dict(zip(names, await asyncio.gather(*map(live.create, names)), strict=True))
        await live.create("bystander")
        before = await api.get("datareplications", namespace, "bystander")
        async for told in _all(live, healthy, list(mutations)):
            yield told
        for mutation in run_mutations:
            yield await live.run(mutation)
        after = await api.get("datareplications", namespace, "bystander")
        last = Told(Mutation((), "bystander"), stalled=False, message="")
        if before != after:
            last.problems.append(f"a resource nobody touched has changed: {after}")
        if supervisor.exits:
            last.problems.append(f"the operator ended: {supervisor.exits}")
        yield last
    await operator_api.close()
    await api.call("DELETE", f"/api/v1/namespaces/{namespace}")


async def _all(live: Live, healthy: Mapping[str, Object], waiting: list[Mutation]) -> AsyncIterator[Told]:
    """Share the mutations among the resources."""
    found: asyncio.Queue[Told] = asyncio.Queue()
    count = len(waiting)

    async def work(name: str) -> None:
        while waiting:
            await found.put(await live.go_through(name, waiting.pop(), healthy[name]))

    workers = asyncio.gather(*(work(name) for name in healthy))
    for _ in range(count):
        told = asyncio.create_task(found.get())
        either: set[asyncio.Future[Any]] = {told, workers}
        await asyncio.wait(either, return_when=asyncio.FIRST_COMPLETED)
        if not told.done():
            await workers  # raises the error that stopped one of them; otherwise its last result is there
        yield await told
    await workers
