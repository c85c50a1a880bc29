"""The demo's story, in the order a new user would live it: servers, data, operator, resource, run, comparison."""

import time
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from typing import Any

from harness import lifecycle
from harness.cluster import Cluster
from harness.errors import HarnessError
from harness.images import CHECKOUT
from harness.progress import say, step
from lab import contents, databases, installation, replications
from lab.databases import Server
from lab.replications import Lab

EXAMPLES = CHECKOUT / "manifests" / "examples"
DATA = CHECKOUT / "tests" / "demo"
NAMESPACE, REPLICATION = "data", "prod-fanout"
MASKING_KEY = {
    "apiVersion": "v1",
    "kind": "Secret",
    "metadata": {"name": "masking-key", "namespace": NAMESPACE},
    "stringData": {"key": "the demo's key, the same in every demo"},
}
MASKED = (
    *("shop.users.email", "shop.users.full_name", "shop.users.home", "shop.users.last_ip"),
    *(f"shop.orders_{part}.{column}" for part in ("2023h1", "2023h2", "rest") for column in ("ship_to", "note")),
    *("shop.reviews.title", "shop.reviews.body", "shop.sessions.token", "billing.payments.raw"),
    *("audit.events_0.payload", "audit.events_1.payload"),
)
"""The columns that manifests/examples/personal-data.yaml masks."""

PEOPLE = "SELECT email, full_name, last_ip FROM shop.users ORDER BY id"
ROWS = "1000000"
RUN_SECONDS = 600
POLL_SECONDS = 1.0


def tell() -> bool:
    """Run the whole demo; return whether every target equals the source."""
    cluster = lifecycle.up()
    with step("four PostgreSQL servers"):
        lab = replications.start(cluster)
    with step("the operator, by helm install"):
        installation.install(cluster)
    with step("the Secrets, and kubectl apply -f manifests/examples/"):
        for server in lab.servers:
            databases.ensure_database(server, "app", replications.OWNER)
        cluster.kubectl("apply", "-f", EXAMPLES / "namespace.yaml")
        cluster.apply(*replications.secrets(lab, NAMESPACE), MASKING_KEY)
        cluster.kubectl("apply", "-f", EXAMPLES)
    with step("production's data"):
        _fill(lab.source)
    run = cluster.kubectl("create", "-f", EXAMPLES / "by-hand" / "run-now.yaml", "-o", "name").strip()
    phase = _watch(cluster, run)
    for what in ("datareplications", "dreprun"):
        say(f"\n$ kubectl get {what} -n {NAMESPACE}")
        say(cluster.kubectl("get", what, "-n", NAMESPACE).rstrip())
    _tell_times(cluster, run)
    _tell_masking(cluster, run)
    is_equal = _compare(lab)
    return phase == "Succeeded" and is_equal and _is_masked(lab)


def _fill(source: Server) -> None:
    """Make production's data, once: the generator is seeded, so a second demo finds what the first made."""
    is_there = source.psql("SELECT count(*) FROM pg_stat_user_tables", "app")
    if is_there.strip() != "0":
        say("  (is there from an earlier demo)")
        return
    for script in ("schema.sql", "data.sql"):
        source.psql(f"SET ROLE {replications.OWNER};\n{(DATA / script).read_text()}", "app", rows=ROWS)
    source.psql("VACUUM ANALYZE", "app")


def _watch(cluster: Cluster, run: str) -> str:
    """Show a run's progress until it has ended; return its phase."""
    shown = ""
    deadline = time.monotonic() + RUN_SECONDS
    while time.monotonic() < deadline:
        status = cluster.get(run, "-n", NAMESPACE).get("status", {})
        line = _line(status)
        if line != shown:
            say(f"  {line}")
            shown = line
        if status.get("completionTime"):
            return str(status["phase"])
        time.sleep(POLL_SECONDS)
    raise HarnessError(f"{run} did not end within {RUN_SECONDS} s")


def _line(status: dict[str, Any]) -> str:
    steps = [("dump", status.get("dump", {})), *((t["name"], t) for t in status.get("targets", ()))]
    parts = [f"{status.get('phase', 'Pending'):<10}", *(f"{name}: {_step(step)}" for name, step in steps)]
    return "  ".join([*parts, *filter(None, [status.get("message", "")])])


def _step(step: dict[str, Any]) -> str:
    progress = step.get("progress")
    if progress:
        return f"{progress.get('phase')} {progress.get('rowsDone', 0):,} rows"
    return f"{step['rows']:,} rows" if step.get("phase") == "Succeeded" else str(step.get("phase", "Waiting"))


def _tell_times(cluster: Cluster, run: str) -> None:
    """Say how long the parts took. The operator's own part: from the run's creation to all loads started, less the dump."""
    made = cluster.get(run, "-n", NAMESPACE)
    pods = cluster.get("pods", "-n", NAMESPACE, "-l", f"datareplication.dev/run={made['metadata']['name']}")["items"]
    ends: dict[str, list[tuple[datetime, datetime]]] = {"dump": [], "load": []}
    for pod in pods:
        ended = pod["status"]["containerStatuses"][0]["state"]["terminated"]
        times = (_time(ended["startedAt"]), _time(ended["finishedAt"]))
        ends[pod["metadata"]["labels"]["datareplication.dev/role"]].append(times)
    dump_start, dump_end = ends["dump"][-1]
    loads = ends["load"] or [(dump_end, dump_end)]
    created = _time(made["metadata"]["creationTimestamp"])
    own = (max(start for start, _ in loads) - created) - (dump_end - dump_start)
    say(
        f"\ndump {(dump_end - dump_start).seconds} s, loads {(max(end for _, end in loads) - dump_end).seconds} s, "
        f"operator and Kubernetes {own.total_seconds():.0f} s"
    )


def _time(text: str) -> datetime:
    return datetime.fromisoformat(text)


def _tell_masking(cluster: Cluster, run: str) -> None:
    say(f"\n$ kubectl describe {run} -n {NAMESPACE} | grep -i masked")
    described = cluster.kubectl("describe", run, "-n", NAMESPACE).splitlines()
    say("\n".join(line for line in described if "Masked" in line))


def _compare(lab: Lab) -> bool:
    """Print rows and checksums of source and targets side by side; return whether all that is not masked is equal."""
    with step("\nrows and content checksums, without masked columns"), ThreadPoolExecutor() as pool:
        original, *copies = pool.map(lambda server: contents.read(server, left_out=MASKED), lab.servers)
    masked = {column.rpartition(".")[0] for column in MASKED}
    lines, is_equal = contents.table(original, dict(zip(lab.targets, copies, strict=True)), masked)
    say("\n".join(lines))
    say(f"{len(original)} tables, {sum(content.rows for content in original.values()):,} rows")
    return is_equal


def _is_masked(lab: Lab) -> bool:
    """Print a target's people; return whether no target has an e-mail address, a name or an address of production's."""
    production = _people(lab.source)
    copies = {name: _people(server) for name, server in lab.targets.items()}
    say("\n$ psql dev: SELECT email, full_name, last_ip FROM shop.users ORDER BY id LIMIT 3")
    say("\n".join(" | ".join(person) for person in copies["dev"][:3]))
    known = {value for person in production for value in person if value}
    found = {name: sum(value in known for person in people for value in person) for name, people in copies.items()}
    say(f"\nvalues of production's {len(production):,} people in the targets: {found}")
    return (
        len(production) > 0
        and all(len(people) == len(production) for people in copies.values())
        and not any(found.values())
    )


def _people(server: Server) -> list[list[str]]:
    return [line.split("|") for line in server.psql(PEOPLE, "app").splitlines()]
