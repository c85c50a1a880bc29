"""How the claim of a volumeClaimTemplate is grown. `core/growth.py` decides whether, and to which size."""

import logging

from datareplication.controller.cluster import CLAIM, Cluster, Object, RejectedError
from datareplication.core import growth, names
from datareplication.core.pods import Why
from datareplication.core.spec import ReplicationSpec

logger = logging.getLogger(__name__)


async def grow(cluster: Cluster, raw: Object, parsed: ReplicationSpec) -> Why:
    """Grow the claim of a DataReplication if it is too small; return why Kubernetes refused, else an empty Why.

    The volume grows when the provisioner, and the node at the next mount, have done their part.
    """
    template = parsed.snapshot.volume_claim_template
    namespace, name = raw["metadata"]["namespace"], names.claim_name(raw["metadata"]["name"])
    claim = await cluster.get(CLAIM, namespace, name) if template else None
    if template is None or claim is None or (patch := growth.patch(claim, template)) is None:
        return Why()
    try:
        await cluster.patch(CLAIM, namespace, name, patch)
    except RejectedError as error:
        return growth.refused(claim, template, error.message)
    logger.info("claim %s/%s grown to %s", namespace, name, patch["spec"]["resources"]["requests"]["storage"])
    return Why()
