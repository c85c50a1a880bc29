"""Masking on the cluster: targets hold masked rows, and a new column of production stops the next run, not the targets."""

import pytest

from lab.replications import Scene

pytestmark = pytest.mark.cluster

RULES = """
tables:
  public.customer: {id: Keep, name: Name}
  public.purchase: {id: Keep, amount: Noise}
"""
MASKING = {
    "rules": {"configMapKeyRef": {"name": "masking", "key": "rules.yaml"}},
    "keySecretRef": {"name": "masking-key", "key": "key"},
}
COUNTS = "SELECT count(*), count(*) FILTER (WHERE c.name LIKE 'customer %') FROM purchase p JOIN customer c ON c.id = p.customer_id"


def apply(scene: Scene, rules: str = RULES) -> None:
    key = "a key of thirty-two characters ok"
    for kind, name, content in (
        ("ConfigMap", "masking", {"data": {"rules.yaml": rules}}),
        ("Secret", "masking-key", {"stringData": {"key": key}}),
    ):
        metadata = {"name": name, "namespace": scene.namespace}
        scene.lab.cluster.apply({"apiVersion": "v1", "kind": kind, "metadata": metadata, **content})
    scene.apply(source={**scene.connection(scene.lab.source), "masking": MASKING})


def test_targets_hold_masked_rows_and_a_new_column_changes_nothing_there(scene: Scene) -> None:
    apply(scene)
    scene.start_run("first")
    status = scene.finished_run("first")
    assert (status["phase"], status["targetsSummary"]) == ("Succeeded", "3/3"), status
    for server in scene.lab.targets.values():
        assert server.psql(COUNTS, scene.database).strip() == "1000|0"

    scene.lab.source.psql("ALTER TABLE customer ADD ssn text", scene.database)
    scene.start_run("second")
    status = scene.finished_run("second")

    assert status["phase"] == "Failed"
    assert status["dump"]["reason"] == "ColumnsWithoutRule"
    assert "tables: {public.customer: {ssn: Null}}" in status["dump"]["message"]
    for server in scene.lab.targets.values():
        assert server.psql(COUNTS, scene.database).strip() == "1000|0"


def test_a_masked_name_that_another_column_also_holds_stops_every_load(scene: Scene) -> None:
    apply(scene)
    scene.start_run("first")
    assert scene.finished_run("first")["phase"] == "Succeeded"
    note = (
        "UPDATE purchase SET note = 'for customer 7' WHERE id = 7; UPDATE purchase SET note = 'customer 8' WHERE id = 8"
    )
    scene.lab.source.psql(f"ALTER TABLE purchase ADD note text; {note}", scene.database)
    apply(scene, RULES.replace("amount: Noise", "amount: Noise, note: Keep"))

    scene.start_run("second")
    status = scene.finished_run("second")

    assert (status["phase"], status["targetsSummary"]) == ("Failed", "0/3"), status
    for target in status["targets"]:
        assert target["reason"] == "LeakFound"
        assert "public.purchase.note has 1 value of public.customer.name" in target["message"]
        assert "customer 8" not in target["message"]
    for server in scene.lab.targets.values():
        assert server.psql(COUNTS, scene.database).strip() == "1000|0"
