"""What the API refuses: for good, as things are, or by chance. The answers are those of Kubernetes 1.35."""

import json
from datetime import timedelta
from typing import Any

import pytest

from datareplication.controller.client import translated
from datareplication.controller.cluster import (
    JOB,
    POD,
    AlreadyExistsError,
    ClusterError,
    ConflictError,
    InvalidError,
    Kind,
    Object,
    RejectedError,
    UnavailableError,
)
from datareplication.controller.cluster import RUN as RUN_KIND
from support.process import Process
from support.world import DUMPED, NAME, World, manual_run, spec

RUN = f"{NAME}-202603020000"
DUMP = f"{RUN}-dump"

POLICY = "jobs.batch \"a\" is forbidden: ValidatingAdmissionPolicy 'p' with binding 'b' denied request: no jobs"
QUOTA = 'jobs.batch "a" is forbidden: exceeded quota: q, requested: count/jobs.batch=1, used: count/jobs.batch=0, limited: count/jobs.batch=0'
HOOK = 'admission webhook "h" denied the request: no'
UNHEARD = 'Internal error occurred: failed calling webhook "h": failed to call webhook: connection refused'
FIELD = {"reason": "FieldValueInvalid", "message": "must be at least 0", "field": "spec.backoffLimit"}


def answer(code: int, reason: str, message: str, *causes: Object) -> tuple[int, bytes]:
    status = {"kind": "Status", "status": "Failure", "message": message, "reason": reason, "code": code}
    return code, json.dumps(status | ({"details": {"causes": list(causes)}} if causes else {})).encode()


ANSWERS = [
    ("a name that is taken", answer(409, "AlreadyExists", 'jobs.batch "a" already exists'), AlreadyExistsError),
    ("a quota that changed meanwhile", answer(409, "Conflict", 'Operation cannot be fulfilled on resourcequotas "q": the object has been modified'), ConflictError),
    ("a webhook that says a name is taken", answer(409, "AlreadyExists", HOOK), RejectedError),
    ("a namespace that is gone", answer(404, "NotFound", 'namespaces "n" not found'), ConflictError),
    ("a quota", answer(403, "Forbidden", QUOTA), RejectedError),
    ("a missing right", answer(403, "Forbidden", 'jobs.batch is forbidden: User "u" cannot create resource "jobs"'), RejectedError),
    ("a namespace that ends", answer(403, "Forbidden", "unable to create new content", {"reason": "NamespaceTerminating", "field": "metadata.namespace"}), RejectedError),
    ("a policy", answer(422, "Invalid", POLICY, {"message": POLICY}), RejectedError),
    ("a webhook", answer(400, "BadRequest", HOOK), RejectedError),
    ("a webhook that speaks of fields", answer(422, "Invalid", HOOK, FIELD), RejectedError),
    ("a webhook that is too busy", answer(429, "TooManyRequests", HOOK), RejectedError),
    ("a webhook that does not answer", answer(500, "InternalError", UNHEARD, {"message": UNHEARD}), RejectedError),
    ("a field that is wrong", answer(422, "Invalid", 'Job.batch "a" is invalid: spec.backoffLimit: must be at least 0', FIELD), InvalidError),
    ("an object that is no Job", answer(400, "BadRequest", "Job in version v1 cannot be handled as a Job"), InvalidError),
    ("a proxy", (403, b"<html>no</html>"), RejectedError),
    ("a list of lists", (500, b"[" * 5000), UnavailableError),
    ("an answer of other types", (422, b'{"reason": [], "message": {}, "details": {"causes": [1, null]}}'), RejectedError),
    ("no answer of use", (503, b""), UnavailableError),
]  # fmt: skip


@pytest.mark.parametrize(("sentence", "given", "kind"), ANSWERS, ids=[row[0] for row in ANSWERS])
def test_an_answer_is_known_by_its_reason(sentence: str, given: tuple[int, bytes], kind: type[ClusterError]) -> None:
    assert type(translated(*given, "POST /jobs")) is kind, sentence


def test_what_a_webhook_says_is_one_plain_line() -> None:
    said = translated(*answer(403, "Forbidden", HOOK + "\x1b[2J\n\u202e\ud800" + "x" * 10_000), "POST /jobs").message
    assert said.isprintable()
    assert len(said) <= 4096


class Refusing:
    """Lets a world's API refuse to make Jobs, or to change them, until `stop`."""

    def __init__(self, world: World, verb: str, error: ClusterError) -> None:
        self.world = world
        self.verb = verb
        self.tried = 0
        self._real = getattr(world.cluster, verb)

        async def refusing(kind: Kind, *arguments: Any) -> Object:
            if kind == JOB:
                self.tried += 1
                raise error
            made: Object = await self._real(kind, *arguments)
            return made

        setattr(world.cluster, verb, refusing)

    def stop(self) -> None:
        setattr(self.world.cluster, self.verb, self._real)


async def at_its_slot() -> World:
    world = World(spec())
    await world.settle()
    world.make_due()
    return world


@pytest.mark.parametrize("message", [QUOTA, POLICY, HOOK])
async def test_a_job_that_is_refused_waits_is_told_and_is_made_as_soon_as_it_may(message: str) -> None:
    world = await at_its_slot()
    refusing = Refusing(world, "create", RejectedError(message, 403))
    outcome = await world.settle()
    status = world.run_status(RUN)
    assert (status["phase"], status["dump"]["phase"], status["dump"]["reason"]) == ("Dumping", "Waiting", "JobRefused")
    assert message in status["message"]
    assert (outcome.requeue_at - world.clock.moment).total_seconds() == 30
    before = list(world.cluster.writes)
    world.clock.advance(seconds=30)
    await world.settle()
    assert world.cluster.writes == before, "nothing new is nothing to write"
    assert refusing.tried >= 2
    refusing.stop()
    world.clock.advance(seconds=30)
    await world.settle()
    assert world.job_names == [DUMP]
    assert world.run_status(RUN)["dump"].get("reason") != "JobRefused"
    world.finish(DUMP, DUMPED)
    await world.settle()
    assert world.run_status(RUN)["phase"] == "Loading"


async def test_a_job_that_is_refused_for_ever_ends_with_its_run() -> None:
    world = await at_its_slot()
    Refusing(world, "create", RejectedError(QUOTA, 403))
    await world.settle()
    world.clock.advance(hours=7)
    await world.settle()
    status = world.run_status(RUN)
    assert (status["phase"], status["dump"]["reason"]) == ("Failed", "RunTimeout")
    assert "exceeded quota" in status["message"]


async def test_a_job_that_is_invalid_fails_at_once() -> None:
    world = await at_its_slot()
    Refusing(world, "create", InvalidError("spec.template: Invalid value", 422))
    await world.settle()
    status = world.run_status(RUN)
    assert (status["phase"], status["dump"]["reason"]) == ("Failed", "JobRejected")


@pytest.mark.parametrize("verb", ["create", "patch"])
async def test_a_conflict_is_looked_at_again_soon(verb: str) -> None:
    """Of a quota that was counted for somebody else meanwhile, or of the Job itself."""
    world = await at_its_slot()
    if verb == "patch":
        await world.settle()
        world.clock.advance(hours=7)
    refusing = Refusing(world, verb, ConflictError("the object has been modified", 409))
    outcome = await world.reconcile()
    assert refusing.tried == 1
    assert (outcome.requeue_at - world.clock.moment).total_seconds() <= 1
    refusing.stop()
    await world.settle()
    assert world.job_names == [DUMP]
    assert world.run_status(RUN)["phase"] == ("Dumping" if verb == "create" else "Failed")


@pytest.mark.parametrize("error", [RejectedError(HOOK, 403), InvalidError("Invalid", 422)])
async def test_a_job_that_may_not_be_changed_goes_on_and_is_asked_again(error: ClusterError) -> None:
    world = await at_its_slot()
    await world.settle()
    world.jobs.start(world.job(DUMP))
    world.clock.advance(hours=7)
    refusing = Refusing(world, "patch", error)
    outcome = await world.reconcile()
    assert world.run_status(RUN)["dump"]["phase"] == "Running"
    assert (outcome.requeue_at - world.clock.moment).total_seconds() <= 30
    refusing.stop()
    await world.settle()
    assert world.job(DUMP)["spec"]["suspend"] is True


@pytest.mark.parametrize("error", [RejectedError(QUOTA, 403), ConflictError("modified", 409)])
async def test_a_slot_from_rest_whose_job_is_refused_is_told_by_the_next_look(error: ClusterError) -> None:
    process = Process(World())
    await process.rest()
    refusing = Refusing(process.world, "create", error)
    await process.slot()
    assert refusing.tried == 1
    await process.rest()
    if isinstance(error, RejectedError):
        assert process.world.run_status(RUN)["dump"]["reason"] == "JobRefused"
    refusing.stop()
    await process.rest()
    assert process.world.job_names == [DUMP]


async def test_a_missing_right_on_pods_is_told_and_the_run_still_ends_with_its_time() -> None:
    world = World(spec(schedule=None, timeoutSeconds=60))
    world.cluster.put(RUN_KIND, manual_run("now"))
    await world.settle()
    world.jobs.start(world.job("now-dump"))
    await world.settle()
    real = world.cluster.list_all

    async def list_all(kind: Kind, namespace: str, **asked: Any) -> list[Object]:
        if kind == POD:
            raise RejectedError('pods is forbidden: User "u" cannot list resource "pods"', 403)
        return await real(kind, namespace, **asked)

    world.cluster.list_all = list_all  # type: ignore[method-assign]
    world.clock.advance(seconds=40)
    outcome = await world.settle()
    told = world.run_status("now")
    assert (told["phase"], told["conditions"][0]["reason"]) == ("Dumping", "NotObserved")
    assert 'cannot list resource "pods"' in told["message"]
    assert outcome.requeue_at == world.clock() + timedelta(seconds=20)
    world.clock.advance(seconds=20)
    await world.settle()
    world.job("now-dump")["status"]["active"] = 0
    await world.settle()
    told = world.run_status("now")
    assert (told["phase"], told["conditions"][0]["reason"]) == ("Failed", "RunTimeout")
