"""A cluster that has no operator."""

from pathlib import Path

from support.plane import OURS, Place, started, until

CRDS = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions"


def test_a_cluster_without_our_kinds_is_told_so(tmp_path: Path) -> None:
    with started(tmp_path) as plane:
        for plural in ("datareplications", "datareplicationruns"):
            plane.do(plane.plane.api.call("DELETE", f"{CRDS}/{plural}.datareplication.dev"))
            until(lambda at=f"{OURS}/{plural}": not plane.do(plane.plane.api.serves(at)))  # type: ignore[misc]
        place = Place(plane, "default")
        for arguments in (["status"], ["why", "-A"], ["run", "fan"]):
            ended = place.called(*arguments)
            assert ended.returncode == 69, ended.stderr
            assert ended.stderr.startswith(
                "error: this cluster knows no resources of datareplication.dev: install the "
            )
            assert ended.stderr.count("\n") == 1
