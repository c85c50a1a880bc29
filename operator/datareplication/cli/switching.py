"""Sets `spec.suspend`: what `suspend` and `resume` share."""

from datareplication.cli.session import Session
from datareplication.cli.view import starting
from datareplication.cli.view.page import line
from datareplication.core.kinds import REPLICATION


def switch(session: Session, name: str, *, suspend: bool) -> int:
    """Suspend or resume a DataReplication; it is no error if it is so already."""
    found = session.replication(name)
    if found.suspend == suspend:
        text = f"{found.name} is {'suspended' if suspend else 'not suspended'} already"
    else:
        session.api.patch(REPLICATION, found.namespace, name, {"spec": {"suspend": suspend}})
        text = starting.switched(found.name, suspend=suspend)
    session.answer((line(text),), {"namespace": found.namespace, "name": found.name, "suspended": suspend})
    return 0
