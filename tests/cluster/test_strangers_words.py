"""Text of other programs in our pod and of others' annotations, on a real cluster: shown as plain text or not."""

from typing import Any

import pytest

from lab import installation, webhooks
from lab.replications import Scene, wait_for
from scenarios.blocking import blocked_source, one_target

pytestmark = pytest.mark.cluster

SOON_SECONDS = 90
ENDS = {
    "says-fields-of-other-types": ("Succeeded", "ReportLost", "succeeded; its report cannot be read"),
    "says-lists-within-lists": ("Failed", "PodFailed", "the pod ended with exit code 75: {"),
    "says-control-characters": ("Failed", "2Jevil", "\ufffd[2J\ufffdevil"),
}


def texts(value: Any) -> list[str]:
    if isinstance(value, dict):
        return [part for inner in value.values() for part in texts(inner)]
    if isinstance(value, list):
        return [part for inner in value for part in texts(inner)]
    return [value] if isinstance(value, str) else []


def assert_plain(scene: Scene) -> None:
    """Nothing that the operator wrote holds a control sequence that a terminal would obey."""
    cluster = scene.lab.cluster
    events = [
        one["message"] for one in scene.items("events") if one["source"].get("component") == "datareplication-operator"
    ]
    log = cluster.kubectl("-n", installation.NAMESPACE, "logs", f"deployment/{installation.RELEASE}", "--tail=500")
    for text in (*texts(scene.run()), *texts(scene.status()), *events, *log.split("\n")):
        assert text.isprintable(), repr(text)


@pytest.mark.parametrize("saying", webhooks.SAYINGS)
def test_a_run_whose_programs_say_anything_ends_as_they_do(scene: Scene, saying: str) -> None:
    phase, reason, message = ENDS[saying]
    with webhooks.asked(scene, saying):
        scene.apply(targets=one_target(scene), retryPolicy={"retries": 0, "delaySeconds": 1})
        scene.start_run()
        status = scene.finished_run(seconds=SOON_SECONDS)
    dump = status["dump"]
    assert (status["phase"], dump.get("reason", ""), dump.get("rows")) == (phase, reason, 0)
    assert dump.get("message", "").startswith(message)
    assert_plain(scene)


def test_annotations_of_a_stranger_stop_nothing(scene: Scene) -> None:
    names = [f"datareplication.dev/{name}" for name in ("retry-at", "delayed-attempts", "stopped")]
    with blocked_source(scene):
        scene.apply(targets=one_target(scene))
        scene.start_run()
        wait_for(lambda: dict(scene.run().get("dump", {})), lambda dump: dump.get("phase") == "Running", SOON_SECONDS)
        words = [f"{name}={value}" for name, value in zip(names, ("abc", "9" * 5000, webhooks.CONTROL), strict=True)]
        scene.lab.cluster.kubectl("-n", scene.namespace, "annotate", "job", "now-dump", *words)
    assert scene.finished_run(seconds=SOON_SECONDS)["phase"] == "Succeeded"
    assert_plain(scene)
