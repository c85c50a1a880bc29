"""The chart as helm renders it: manifests/ is complete, every choice renders, Pod Security admits its pods."""

import json
from pathlib import Path
from typing import Any

import pytest
import yaml

from datareplication.controller.options import Options, read_options
from datareplication.core.pod_settings import JobSettings
from harness import programs, tools
from harness.cluster import Cluster
from harness.errors import ProgramError
from support import pod_security

pytestmark = pytest.mark.cluster

ROOT = Path(__file__).resolve().parents[2]
CHART = ROOT / "helm" / "datareplication-operator"
NAMESPACE = "datareplication-system"


def template(*settings: str, values: dict[str, Any] | None = None) -> list[dict[str, Any]]:
    """Return what the chart renders to; `settings` are helm's NAME=VALUE."""
    chosen = [part for setting in settings for part in ("--set", setting)]
    options = ["--namespace", NAMESPACE, "--kube-version", "1.31.0", "--values", "-", *chosen]
    command: list[str | Path] = [tools.helm(), "template", "datareplication-operator", CHART, *options]
    text = programs.run(command, stdin=json.dumps(values or {}))
    return [document for document in yaml.safe_load_all(text) if document]


def only(kind: str, found: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [document for document in found if document["kind"] == kind]


def pods(found: list[dict[str, Any]]) -> dict[str, dict[str, Any]]:
    """Return the specs of all pods that the chart makes: the operator's and that of `helm test`."""
    (deployment,), (test,) = only("Deployment", found), only("Pod", found)
    return {"operator": deployment["spec"]["template"]["spec"], "test": test["spec"]}


def options(found: list[dict[str, Any]]) -> Options:
    """Return what the operator understands of the environment that the chart gives it."""
    (container,) = pods(found)["operator"]["containers"]
    return read_options({each["name"]: each.get("value", "") for each in container["env"]})


def test_operator_yaml_is_the_chart_with_its_default_values() -> None:
    """The unit test compares a digest; this one asks helm, so that another helm's idea of the chart is noticed too."""
    rendered = [
        document for document in template("crds.install=false") if "helm.sh/hook" not in str(document["metadata"])
    ]
    text = (ROOT / "manifests" / "operator.yaml").read_text(encoding="utf-8")
    assert [document for document in yaml.safe_load_all(text) if document] == rendered


def test_crds_are_those_of_the_manifests_and_kept() -> None:
    rendered = only("CustomResourceDefinition", template())
    assert [crd["metadata"].pop("annotations") for crd in rendered] == [{"helm.sh/resource-policy": "keep"}] * 2
    paths = [ROOT / "manifests" / "crds" / name for name in ("datareplications.yaml", "datareplicationruns.yaml")]
    assert rendered == [yaml.safe_load(path.read_text(encoding="utf-8")) for path in paths]
    assert not any(
        "annotations" in crd["metadata"] for crd in only("CustomResourceDefinition", template("crds.keep=false"))
    )


def test_watched_namespaces_get_a_role_each_and_the_cluster_none() -> None:
    found = template("watchNamespaces={data,more}", "rbac.aggregateToDefaultRoles=false")
    assert only("ClusterRole", found) == only("ClusterRoleBinding", found) == []
    roles = {role["metadata"]["namespace"]: role["rules"] for role in only("Role", found)}
    (everywhere,) = only("ClusterRole", template("rbac.aggregateToDefaultRoles=false"))
    (of_lease,) = only("Role", template())
    assert roles == {NAMESPACE: of_lease["rules"], "data": everywhere["rules"], "more": everywhere["rules"]}
    assert len(only("Role", found)) == len(only("RoleBinding", found)) == len(roles)
    assert {binding["subjects"][0]["namespace"] for binding in only("RoleBinding", found)} == {NAMESPACE}
    (container,) = pods(found)["operator"]["containers"]
    assert {"name": "WATCH_NAMESPACES", "value": "data,more"} in container["env"]


def test_replicas_are_spread_and_not_drained_at_once() -> None:
    assert only("PodDisruptionBudget", template()) == []
    assert only("PodDisruptionBudget", template("replicas=2", "podDisruptionBudget.enabled=false")) == []
    found = template("replicas=2")
    (deployment,), (budget,) = only("Deployment", found), only("PodDisruptionBudget", found)
    labels = deployment["spec"]["template"]["metadata"]["labels"]
    (spread,) = deployment["spec"]["template"]["spec"]["topologySpreadConstraints"]
    assert (deployment["spec"]["replicas"], budget["spec"]["maxUnavailable"]) == (2, 1)
    assert (spread["topologyKey"], spread["whenUnsatisfiable"]) == ("kubernetes.io/hostname", "ScheduleAnyway")
    for selector in (deployment["spec"]["selector"], budget["spec"]["selector"], spread["labelSelector"]):
        assert selector["matchLabels"].items() <= labels.items()


def test_prometheus_finds_the_port_and_is_let_in() -> None:
    assert only("ServiceMonitor", template()) == []
    peer = {"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": "monitoring"}}}
    wanted = {"enabled": True, "labels": {"release": "prometheus"}}
    found = template(values={"metrics": {"serviceMonitor": wanted}, "networkPolicy": {"ingressFrom": [peer]}})
    (monitor,), (service,), (policy,) = (only(kind, found) for kind in ("ServiceMonitor", "Service", "NetworkPolicy"))
    assert monitor["metadata"]["labels"]["release"] == "prometheus"
    assert monitor["spec"]["selector"]["matchLabels"].items() <= service["metadata"]["labels"].items()
    (endpoint,) = monitor["spec"]["endpoints"]
    assert endpoint["port"] in [port["name"] for port in service["spec"]["ports"]]
    (way_in,) = policy["spec"]["ingress"]
    assert peer in way_in["from"]


def test_the_board_has_a_port_a_service_and_no_way_in_that_nobody_asked_for() -> None:
    as_it_comes = template()
    assert options(as_it_comes).board_port == 0
    assert "board" not in json.dumps(only("Service", as_it_comes) + only("NetworkPolicy", as_it_comes))
    found = template("board.enabled=true", "board.port=9000")
    (container,) = pods(found)["operator"]["containers"]
    assert options(found).board_port == 9000
    assert {"name": "board", "containerPort": 9000} in container["ports"]
    (service,) = (one for one in only("Service", found) if one["metadata"]["name"] == "datareplication-operator-board")
    (deployment,), (policy,) = only("Deployment", found), only("NetworkPolicy", found)
    assert service["spec"]["ports"] == [{"name": "board", "port": 9000, "targetPort": "board"}]
    assert service["spec"]["selector"].items() <= deployment["spec"]["template"]["metadata"]["labels"].items()
    assert [way["ports"] for way in policy["spec"]["ingress"]] == [[{"port": "http"}]]
    peer = {"podSelector": {"matchLabels": {"app": "proxy"}}}
    (policy,) = only("NetworkPolicy", template(values={"board": {"enabled": True, "ingressFrom": [peer]}}))
    assert policy["spec"]["ingress"][1] == {"from": [peer], "ports": [{"port": "board"}]}


def test_images_can_be_pinned_by_digest() -> None:
    digest = f"sha256:{'0' * 64}"
    found = template(f"image.tag={digest}", "jobImage.repository=registry.example/job", "jobImage.pullSecrets={a,b}")
    (container,) = pods(found)["operator"]["containers"]
    environment = {each["name"]: each.get("value") for each in container["env"]}
    assert container["image"] == pods(found)["test"]["containers"][0]["image"] == f"datareplication-operator@{digest}"
    assert environment["JOB_IMAGE"] == "registry.example/job:0.1.0"
    assert environment["JOB_IMAGE_PULL_SECRETS"] == "a,b"


def test_the_way_out_is_closed_on_demand() -> None:
    (as_it_comes,) = only("NetworkPolicy", template())
    assert as_it_comes["spec"]["policyTypes"] == ["Ingress"]
    (closed,) = only("NetworkPolicy", template("networkPolicy.egress.enabled=true"))
    ports = [port["port"] for port in closed["spec"]["egress"][0]["ports"]]
    assert (closed["spec"]["policyTypes"], ports) == (["Ingress", "Egress"], [53, 53, 443, 6443])
    sinks = [{"name": "pager", "kind": "Webhook", "secretName": "pager"}]
    wanted = {"egress": {"enabled": True, "apiServerPorts": [6443], "sinkPorts": [8443]}}
    (with_sinks,) = only("NetworkPolicy", template(values={"networkPolicy": wanted, "notifications": {"sinks": sinks}}))
    assert [port["port"] for port in with_sinks["spec"]["egress"][0]["ports"]] == [53, 53, 6443, 8443]
    assert only("NetworkPolicy", template("networkPolicy.enabled=false")) == []


def test_sinks_are_told_to_the_operator_and_their_secrets_mounted() -> None:
    operator = pods(template())["operator"]
    assert [volume["name"] for volume in operator["volumes"]] == ["tmp"]
    sinks = [
        {"name": "ops", "kind": "Webhook", "secretName": "sink-of-ops", "namespaces": ["data"]},
        {"name": "chat", "kind": "Slack", "secretName": "chat", "template": '{{ title }} "{{ run }}"\n'},
    ]
    found = template(values={"notifications": {"sinks": sinks}})
    told = options(found).notifications.sinks
    assert [one.model_dump(by_alias=True, exclude_unset=True) for one in told] == sinks
    operator = pods(found)["operator"]
    secrets = {one["name"]: one["secret"] for one in operator["volumes"] if "secret" in one}
    assert secrets == {
        "sink-ops": {"secretName": "sink-of-ops", "optional": True},
        "sink-chat": {"secretName": "chat", "optional": True},
    }
    (container,) = operator["containers"]
    mounts = {one["name"]: one for one in container["volumeMounts"]}
    folder = options(found).sinks_folder
    for name in ("ops", "chat"):
        path = f"{folder}/{name}"
        assert mounts[f"sink-{name}"] == {"name": f"sink-{name}", "mountPath": path, "readOnly": True}
    assert pod_security.violations(operator) == []


@pytest.mark.parametrize(
    "sink",
    [
        {"name": "ops", "kind": "Fax", "secretName": "a"},
        {"name": "Ops", "kind": "Slack", "secretName": "a"},
        {"name": "ops", "kind": "Slack"},
        {"name": "ops", "kind": "Slack", "secretName": "a", "url": "https://x"},
    ],
)
def test_a_wrong_sink_is_refused_by_the_schema(sink: dict[str, Any]) -> None:
    with pytest.raises(ProgramError, match="notifications"):
        template(values={"notifications": {"sinks": [sink]}})


def test_where_the_pod_runs_is_the_users_choice() -> None:
    chosen = {
        "imagePullSecrets": [{"name": "registry"}],
        "priorityClassName": "high",
        "nodeSelector": {"zone": "a"},
        "tolerations": [{"key": "infra", "operator": "Exists"}],
        "affinity": {"podAntiAffinity": {}},
    }
    operator = pods(template(values=chosen))["operator"]
    assert {name: operator[name] for name in chosen} == chosen


def test_one_registry_holds_for_all_images() -> None:
    for settings in (
        ["global.imageRegistry=registry.example/", "image.registry=other.example"],
        ["image.registry=registry.example", "jobImage.registry=registry.example"],
    ):
        found = template(*settings)
        images = {pod["containers"][0]["image"] for pod in pods(found).values()}
        assert images == {"registry.example/datareplication-operator:0.1.0"}
        assert options(found).jobs.image == "registry.example/datareplication-job:0.1.0"


def test_common_labels_are_on_every_object_and_never_replace_the_charts_own() -> None:
    mine = {"team": "data", "app.kubernetes.io/name": "mine"}
    wanted = {"commonLabels": mine, "podLabels": mine | {"team": "pods"}, "replicas": 2}
    found = template(values=wanted | {"metrics": {"serviceMonitor": {"enabled": True, "labels": mine}}})
    objects = [document for document in found if document["kind"] != "CustomResourceDefinition"]
    assert len(objects) > 10
    for labels in [document["metadata"]["labels"] for document in objects]:
        assert (labels["team"], labels["app.kubernetes.io/name"]) == ("data", "datareplication-operator")
    (deployment,) = only("Deployment", found)
    labels = deployment["spec"]["template"]["metadata"]["labels"]
    assert labels.items() >= deployment["spec"]["selector"]["matchLabels"].items()


def test_probes_strategy_and_the_form_of_logs_are_the_users_choice() -> None:
    strategy = {"type": "RollingUpdate", "rollingUpdate": {"maxUnavailable": 1, "maxSurge": 0}}
    found = template(values={"strategy": strategy, "logFormat": "json", "livenessProbe": {"failureThreshold": 9}})
    (deployment,), (container,) = only("Deployment", found), pods(found)["operator"]["containers"]
    assert deployment["spec"]["strategy"] == strategy
    assert container["livenessProbe"].items() >= {"failureThreshold": 9, "periodSeconds": 20}.items()
    assert options(found).log_format == "json"


def test_what_all_jobs_have_in_common_reaches_the_operator() -> None:
    jobs = {
        "labels": {"kueue.x-k8s.io/queue-name": "refreshes"},
        "podAnnotations": {"sidecar.istio.io/inject": "false"},
        "resources": {"requests": {"cpu": 1, "memory": "1.5Gi"}, "limits": {"memory": 2_147_483_648}},
        "tolerations": [{"key": "a", "operator": "Exists", "tolerationSeconds": 1_000_000}],
        "hostAliases": [{"ip": "10.0.0.1", "hostnames": ["prod-db.corp.example"]}],
    }
    assert options(template(values={"jobs": jobs})).jobs.settings == JobSettings.model_validate(jobs)


@pytest.mark.parametrize(
    ("setting", "told"),
    [
        pytest.param("watchNamespace=data", "watchNamespace", id="a misspelt value"),
        pytest.param("image.tagg=1", "tagg", id="a misspelt value inside another"),
        pytest.param("watchNamespaces=data", "array", id="a namespace that is no list"),
        pytest.param("logLevel=verbose", "logLevel", id="an unknown log level"),
        pytest.param("workers=0", "workers", id="no workers"),
        pytest.param("jobs.hostNetwork=true", "hostNetwork", id="a field that pods of Jobs may not have"),
        pytest.param("jobs.podLabels.a=true", "podLabels", id="a label that is no text"),
        pytest.param("board.prot=1", "prot", id="a misspelt value of the board"),
        pytest.param("logFormat=xml", "logFormat", id="an unknown form of logs"),
        pytest.param("serviceAccount.create=false", "serviceAccount.name", id="no service account at all"),
    ],
)
def test_wrong_values_are_refused_by_name(setting: str, told: str) -> None:
    with pytest.raises(ProgramError, match=told):
        template(setting)


@pytest.mark.parametrize("setting", ["podSecurityContext.runAsUser=65532", "podSecurityContext.runAsUser=null"])
def test_its_pods_are_restricted(cluster: Cluster, namespace: str, setting: str) -> None:
    cluster.kubectl("label", "namespace", namespace, "pod-security.kubernetes.io/enforce=restricted")
    for name, pod in pods(template(setting)).items():
        assert pod_security.violations(pod) == []
        assert pod_security.is_read_only(pod)
        pod["serviceAccountName"] = "default"
        manifest = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": name, "namespace": namespace}, "spec": pod}
        cluster.kubectl("create", "--dry-run=server", "-f", "-", stdin=json.dumps(manifest))
