"""Carries out what plans say: it makes and changes Jobs, and makes claims.

`core/answers.py` says what follows from Kubernetes' answers.
"""

import logging

from datareplication.controller.cluster import (
    CLAIM,
    JOB,
    AlreadyExistsError,
    Cluster,
    ConflictError,
    InvalidError,
    Object,
    RejectedError,
)
from datareplication.core import answers, volume
from datareplication.core.answers import Done
from datareplication.core.plan import CreateJob, JobAction
from datareplication.core.run import Run
from datareplication.core.volume import Volume

logger = logging.getLogger(__name__)


class Applier:
    """Carries out actions, and returns how Kubernetes answered; other errors of the API are raised."""

    def __init__(self, cluster: Cluster) -> None:
        self._cluster = cluster

    async def apply(self, run: Run, action: JobAction) -> Done:
        """Carry out one action of a run."""
        try:
            await self._send(run, action)
        except (AlreadyExistsError, ConflictError):
            logger.info("job of %s in %s/%s has changed meanwhile; looking again", action.step, run.namespace, run.name)
            return answers.done(action, "Conflict")
        except RejectedError as error:
            if not isinstance(action, CreateJob):
                logger.warning("job %s/%s not patched (%s): %s", run.namespace, action.name, action.why, error.message)
            is_final = isinstance(error, InvalidError)
            return answers.done(action, "Invalid" if is_final else "Refused", error.message)
        return answers.done(action, "Accepted")

    async def _send(self, run: Run, action: JobAction) -> None:
        if isinstance(action, CreateJob):
            made = await self._cluster.create(JOB, action.manifest)
            logger.info("job %s/%s created", run.namespace, made["metadata"]["name"])
        else:
            await self._cluster.patch(JOB, run.namespace, action.name, action.patch)
            logger.info("job %s/%s patched: %s", run.namespace, action.name, action.why)

    async def make_claim(self, manifest: Object) -> Volume:
        """Make the snapshots' claim; return what is known of the claim afterwards."""
        name, namespace = manifest["metadata"]["name"], manifest["metadata"]["namespace"]
        try:
            claim = await self._cluster.create(CLAIM, manifest)
        except RejectedError as error:
            return volume.refused(name, error.message)
        logger.info("claim %s/%s created", namespace, name)
        return volume.from_claim(name, claim)
