"""What a copy leaves behind on purpose: the source's names by kind in, short texts for the report out. Pure.

docs/fidelity.md says why, for each kind.
"""

from collections.abc import Mapping, Sequence

from datareplication.jobs.model.omission import shortened

ROLES = "roles"
TABLESPACES = "tablespaces"
PUBLICATIONS = "publications"
SUBSCRIPTIONS = "subscriptions"
STATISTICS = "optimizer statistics"
KINDS = (ROLES, TABLESPACES, PUBLICATIONS, SUBSCRIPTIONS, STATISTICS)

LONGEST_TEXT = 120
"""Characters of one text: all texts together leave room for the rest of a termination message."""


def describe(found: Mapping[str, Sequence[str]]) -> tuple[str, ...]:
    """Return `kind: name, name and 3 more` for each kind that the source has, in the order of KINDS.

    Optimizer statistics have no names and are always in the list.
    """
    named = (f"{kind}: {shortened(found[kind])}"[:LONGEST_TEXT] for kind in KINDS if found.get(kind))
    return (*named, STATISTICS)
