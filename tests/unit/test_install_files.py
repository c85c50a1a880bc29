"""What a user installs: generated files are current, schemas teach, examples are valid, rights are few, pods restricted."""

import importlib.util
import json
import re
import shutil
import tomllib
from collections.abc import Iterator, Mapping
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
import yaml

from datareplication.controller.metrics import Metrics
from datareplication.controller.options import Options, read_options
from datareplication.core import crd, metrics, spec
from datareplication.core.manifests import JobDefaults
from datareplication.core.pod_settings import JobSettings
from datareplication.core.run import RunSpec
from datareplication.core.sinks import Sink
from datareplication.errors import UsageError
from datareplication.jobs.dump.masking import rules_file
from support import pod_security

ROOT = Path(__file__).resolve().parents[2]
CHART = Path("helm") / "datareplication-operator"
EXAMPLES = ROOT / "manifests" / "examples"


def generator(root: Path) -> ModuleType:
    """Return manifests/generate.py of a checkout; it works on the files beside itself."""
    found = importlib.util.spec_from_file_location("generate", root / "manifests" / "generate.py")
    assert found
    assert found.loader
    module = importlib.util.module_from_spec(found)
    found.loader.exec_module(module)
    return module


def documents(path: Path) -> list[dict[str, Any]]:
    return [document for document in yaml.load_all(path.read_text(encoding="utf-8"), yaml.CSafeLoader) if document]


def installed(kind: str) -> list[dict[str, Any]]:
    """Return the objects of a kind in manifests/operator.yaml, which is the rendered chart."""
    return [document for document in documents(ROOT / "manifests" / "operator.yaml") if document["kind"] == kind]


def properties(schema: Mapping[str, Any], path: str) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """Yield every property below a schema with its path."""
    for name, part in schema.get("properties", {}).items():
        yield f"{path}.{name}", part
        yield from properties(part, f"{path}.{name}")
    if "items" in schema:
        yield from properties(schema["items"], f"{path}[]")


def fields() -> list[tuple[str, Mapping[str, Any]]]:
    """Return every field of spec and status of both kinds."""
    roots = [
        (definition["spec"]["names"]["kind"], definition["spec"]["versions"][0]["schema"]["openAPIV3Schema"])
        for definition in crd.definitions()
    ]
    parts = [(f"{kind}.{part}", root["properties"][part]) for kind, root in roots for part in ("spec", "status")]
    return [*parts, *(found for path, part in parts for found in properties(part, path))]


class TestGenerated:
    def test_generated_files_are_current(self) -> None:
        assert generator(ROOT).stale() == []

    @pytest.mark.parametrize(
        ("changed", "stale"),
        [
            pytest.param("manifests/crds/datareplications.yaml", "manifests/crds/datareplications.yaml", id="a CRD"),
            pytest.param(f"{CHART}/templates/crds.yaml", f"{CHART}/templates/crds.yaml", id="the chart's CRDs"),
            pytest.param("docs/reference.md", "docs/reference.md", id="the reference of fields"),
            pytest.param("docs/reasons.md", "docs/reasons.md", id="the page of reasons"),
            pytest.param("manifests/operator.yaml", "manifests/operator.yaml", id="the rendered chart"),
            pytest.param(f"{CHART}/values.yaml", "manifests/operator.yaml", id="a default of the chart"),
            pytest.param(f"{CHART}/templates/rbac.yaml", "manifests/operator.yaml", id="a template"),
        ],
    )
    def test_a_change_by_hand_is_noticed(self, tmp_path: Path, changed: str, stale: str) -> None:
        for folder in ("manifests", "helm", "docs"):
            shutil.copytree(ROOT / folder, tmp_path / folder)
        with (tmp_path / changed).open("a", encoding="utf-8") as file:
            file.write("# by hand\n")
        assert generator(tmp_path).stale() == [tmp_path / stale]

    def test_a_missing_helm_is_said_with_the_remedy(self, tmp_path: Path) -> None:
        generate = generator(ROOT)
        with pytest.raises(generate.GenerateError, match=r"put it on PATH, name it in HELM, or run `make cluster-up`"):
            generate.find_helm({"PATH": "", "DATAREPLICATION_CACHE": str(tmp_path)})

    def test_both_ways_to_install_have_the_same_crds(self) -> None:
        text = (ROOT / CHART / "templates" / "crds.yaml").read_text(encoding="utf-8")
        actions = [line.strip() for line in text.splitlines() if "{{" in line]
        keep = ["{{- if .Values.crds.keep }}", "{{- end }}"]
        assert actions == ["{{- if .Values.crds.install }}", *keep, *keep, "{{- end }}"]
        plain = "\n".join(line for line in text.splitlines() if "{{" not in line)
        rendered = [document for document in yaml.load_all(plain, yaml.CSafeLoader) if document]
        assert [document["metadata"].pop("annotations") for document in rendered] == [
            {"helm.sh/resource-policy": "keep"}
        ] * 2
        assert rendered == list(crd.definitions())


class TestSchemas:
    def test_every_field_is_described(self) -> None:
        assert [path for path, part in fields() if not part.get("description")] == []

    def test_lists_of_named_things_are_maps(self) -> None:
        keys = {
            path: part.get("x-kubernetes-list-map-keys")
            for path, part in fields()
            if part.get("type") == "array" and "properties" in part["items"]
        }
        assert {path: keys[path] for path in keys if path.endswith("targets")} == {
            "DataReplication.spec.targets": ["name"],
            "DataReplication.status.targets": ["name"],
            "DataReplication.status.notifications.outbox[].targets": ["name"],
            "DataReplicationRun.spec.replication.targets": ["name"],
            "DataReplicationRun.status.targets": ["name"],
        }
        assert {path: keys[path] for path in keys if path.endswith("conditions")} == {
            "DataReplication.status.conditions": ["type"],
            "DataReplicationRun.status.conditions": ["type"],
        }
        own = (".tolerations", ".matchExpressions", ".dnsConfig.options")
        nameless = {path for path in keys if ".affinity." in path or path.endswith(own)}
        assert {path for path, key in keys.items() if key is None} == nameless, "but for Kubernetes' own"

    def test_no_reference_has_a_namespace(self) -> None:
        assert [path for path, _ in fields() if "namespace" in path.lower()] == []

    def test_kubectl_get_shows_whether_everything_is_fresh(self) -> None:
        columns = crd.definitions()[0]["spec"]["versions"][0]["additionalPrinterColumns"]
        assert [column["name"] for column in columns if not column.get("priority")] == [
            "Schedule",
            "Phase",
            "Targets",
            "Last Success",
            "Next",
            "Ready",
            "Age",
        ]

    def test_every_column_shows_a_field_that_there_is(self) -> None:
        known = {path.partition(".")[2] for path, _ in fields()} | {"metadata.creationTimestamp"}
        paths = {
            column["jsonPath"].removeprefix(".").partition("[")[0]
            for definition in crd.definitions()
            for column in definition["spec"]["versions"][0]["additionalPrinterColumns"]
        }
        assert paths <= known


class TestExamples:
    def test_the_example_is_accepted_and_carried_out(self) -> None:
        parsed = spec.parse(documents(EXAMPLES / "prod-fanout.yaml")[0]["spec"])
        assert [target.name for target in parsed.targets] == ["dev", "staging", "qa"]
        assert {end.ssl_mode for end in (parsed.source, *parsed.targets)} == {"verify-full"}

    def test_the_example_that_scrubs_is_carried_out_and_names_its_script(self) -> None:
        script, replication = documents(EXAMPLES / "scrubbing" / "after-load.yaml")
        parsed = spec.parse(replication["spec"])
        (named,) = [target.after_load.config_map_key_ref for target in parsed.targets if target.after_load]
        assert (named.name, [named.key]) == (script["metadata"]["name"], list(script["data"]))

    def test_the_rules_of_the_example_can_be_read(self) -> None:
        (rules,) = documents(EXAMPLES / "personal-data.yaml")
        parsed = rules_file.parsed("rules.yaml", rules["data"]["rules.yaml"].encode())
        masking = documents(EXAMPLES / "prod-fanout.yaml")[0]["spec"]["source"]["masking"]
        assert masking["rules"]["configMapKeyRef"] == {"name": rules["metadata"]["name"], "key": "rules.yaml"}
        assert ("shop", "users") in parsed.tables

    def test_the_run_by_hand_names_the_example(self) -> None:
        run = documents(EXAMPLES / "by-hand" / "run-now.yaml")[0]
        name = documents(EXAMPLES / "prod-fanout.yaml")[0]["metadata"]["name"]
        assert RunSpec.model_validate(run["spec"]).replication_name == name

    def test_the_folder_can_be_applied_as_it_is(self) -> None:
        """`kubectl apply` takes the files in the order of their names, and none that only has a generateName."""
        objects = [document for path in sorted(EXAMPLES.glob("*.yaml")) for document in documents(path)]
        kinds = ["Namespace", "PersistentVolumeClaim", "ConfigMap", "DataReplication"]
        assert [document["kind"] for document in objects] == kinds
        assert all("name" in document["metadata"] for document in objects)
        assert {document["metadata"].get("namespace", "data") for document in objects} == {"data"}

    def test_what_the_example_refers_to_is_shown(self) -> None:
        """Every Secret, ConfigMap and claim that prod-fanout names is in the examples, with no real value in it."""
        text = json.dumps(documents(EXAMPLES / "prod-fanout.yaml"))
        shown = documents(EXAMPLES / "secrets" / "secrets.example.yaml")
        assert {part["metadata"]["name"] for part in shown} == {
            "prod-db",
            "dev-db",
            "staging-db",
            "qa-db",
            "database-ca",
            "masking-key",
        }
        assert all(f'"name": "{part["metadata"]["name"]}"' in text for part in shown)
        values = {value for part in shown for value in (part.get("stringData") or part["data"]).values()}
        assert values == {"CHANGE-ME"}

    @pytest.mark.parametrize("path", [EXAMPLES / "namespace.yaml", ROOT / "manifests" / "namespace.yaml"])
    def test_namespaces_enforce_the_restricted_level(self, path: Path) -> None:
        assert documents(path)[0]["metadata"]["labels"]["pod-security.kubernetes.io/enforce"] == "restricted"


class TestRights:
    def test_the_operator_may_do_what_it_does_and_nothing_else(self) -> None:
        (role,) = [role for role in installed("ClusterRole") if role["metadata"]["name"] == "datareplication-operator"]
        assert {resource: rule["verbs"] for rule in role["rules"] for resource in rule["resources"]} == {
            "datareplications": ["get", "list", "watch"],
            "datareplicationruns": ["get", "list", "watch", "create", "patch", "delete"],
            "datareplications/status": ["update", "patch"],
            "datareplicationruns/status": ["update"],
            "datareplications/finalizers": ["update"],
            "datareplicationruns/finalizers": ["update"],
            "jobs": ["get", "list", "watch", "create", "patch"],
            "pods": ["list", "watch"],
            "pods/log": ["get"],
            "events": ["get", "list", "create", "patch"],
            "persistentvolumeclaims": ["get", "create", "patch"],
        }

    def test_no_role_reads_secrets_enters_pods_or_has_a_wildcard(self) -> None:
        rules = [rule for kind in ("ClusterRole", "Role") for role in installed(kind) for rule in role["rules"]]
        words = {word for rule in rules for part in ("apiGroups", "resources", "verbs") for word in rule[part]}
        forbidden = {"*", "secrets", "pods/exec", "pods/attach", "pods/portforward", "serviceaccounts/token"}
        assert words & (forbidden | {"rbac.authorization.k8s.io", "impersonate", "escalate", "bind"}) == set()

    def test_the_binding_gives_the_role_to_the_operator_alone(self) -> None:
        (binding,) = installed("ClusterRoleBinding")
        (account,) = installed("ServiceAccount")
        assert binding["roleRef"]["name"] == "datareplication-operator"
        assert binding["subjects"] == [
            {"kind": "ServiceAccount", **{key: account["metadata"][key] for key in ("name", "namespace")}}
        ]


class TestPods:
    def test_the_operators_pod_is_restricted(self) -> None:
        (deployment,) = installed("Deployment")
        pod = deployment["spec"]["template"]["spec"]
        assert pod_security.violations(pod) == []
        assert pod_security.is_read_only(pod)

    @pytest.mark.parametrize(
        ("pod", "expected"),
        [
            pytest.param({"hostNetwork": True}, ["hostNetwork is set"], id="the host's network"),
            pytest.param({"volumes": [{"name": "x", "hostPath": {}}]}, ["volume x is a hostPath"], id="a host path"),
            pytest.param(
                {"containers": [{"name": "c"}]},
                [
                    "c: allowPrivilegeEscalation is not false",
                    "c: does not drop ALL capabilities",
                    "c: may run as root",
                    "c: has no seccomp profile",
                ],
                id="a container as it comes",
            ),
        ],
    )
    def test_the_check_itself_finds_what_is_wrong(self, pod: dict[str, Any], expected: list[str]) -> None:
        assert pod_security.violations(pod) == expected

    def test_the_operator_may_write_no_lease_but_its_own(self) -> None:
        (role,) = installed("Role")
        (deployment,) = installed("Deployment")
        (container,) = deployment["spec"]["template"]["spec"]["containers"]
        (name,) = (each["value"] for each in container["env"] if each["name"] == "LEASE_NAME")
        assert role["metadata"]["namespace"] == deployment["metadata"]["namespace"]
        assert [(rule["verbs"], rule.get("resourceNames")) for rule in role["rules"]] == [
            (["create"], None),
            (["get", "patch"], [name]),
        ]

    def test_the_operator_understands_the_environment_it_is_given(self) -> None:
        (deployment,) = installed("Deployment")
        (container,) = deployment["spec"]["template"]["spec"]["containers"]
        environment = {each["name"]: each.get("value", "pod-name") for each in container["env"]}
        options = read_options(environment)
        lease = ("pod-name", "datareplication-operator")
        assert options == Options(JobDefaults("datareplication-job:0.1.0"), instance="pod-name", lease=lease)

    @pytest.mark.parametrize(
        ("name", "value", "told"),
        [
            ("JOB_SETTINGS", '{"podLabels": {"a": true}}', r"JOB_SETTINGS: jobs\.podLabels\.a: .*string"),
            ("JOB_SETTINGS", '{"hostNetwork": true}', r"JOB_SETTINGS: jobs\.hostNetwork: "),
            ("JOB_SETTINGS", "none", "JOB_SETTINGS: jobs: .*JSON"),
            (
                "NOTIFICATIONS",
                '{"sinks": [{"name": "a", "kind": "Fax"}]}',
                r"NOTIFICATIONS: notifications\.sinks\[0\]\.kind",
            ),
            ("NOTIFICATIONS", '{"sink": []}', r"NOTIFICATIONS: notifications\.sink: "),
            ("LOG_FORMAT", "xml", "LOG_FORMAT is 'xml'; it must be text or json"),
            ("BOARD_PORT", "-1", "BOARD_PORT is '-1'; it must be greater than 0"),
            ("BOARD_PORT", "8080", "BOARD_PORT is 8080, like HTTP_PORT; give the board a port of its own"),
        ],
    )
    def test_a_wrong_environment_is_told_by_name(self, name: str, value: str, told: str) -> None:
        with pytest.raises(UsageError, match=told):
            read_options({"JOB_IMAGE": "image", name: value})

    @pytest.mark.parametrize(
        ("sink", "told"),
        [
            (
                {"kind": "Webhook", "template": "x"},
                r"sinks\[0\]: template goes with Slack, Teams, Ntfy, not with Webhook",
            ),
            ({"kind": "Slack", "template": "a\n{% if %}"}, r"sinks\[0\]: template cannot be read: line 2: "),
            ({"kind": "Slack", "url": "https://x"}, r"sinks\[0\]\.url: "),
            ({"name": "../up", "kind": "Slack"}, r"sinks\[0\]\.name: "),
        ],
    )
    def test_a_wrong_sink_is_told_by_its_field(self, sink: dict[str, str], told: str) -> None:
        listed = {"sinks": [{"name": "a", "secretName": "a", **sink}]}
        with pytest.raises(UsageError, match=told):
            read_options({"JOB_IMAGE": "image", "NOTIFICATIONS": json.dumps(listed)})

    def test_two_sinks_of_one_name_are_told(self) -> None:
        one = {"name": "a", "kind": "Slack", "secretName": "a"}
        with pytest.raises(UsageError, match="NOTIFICATIONS: notifications: duplicate sink name 'a'"):
            read_options({"JOB_IMAGE": "image", "NOTIFICATIONS": json.dumps({"sinks": [one, one]})})

    def test_what_the_installation_says_of_all_jobs(self) -> None:
        options = read_options({"JOB_IMAGE": "image", "JOB_SETTINGS": '{"nodeSelector": {"pool": "batch"}}'})
        assert options.jobs.settings.node_selector == {"pool": "batch"}


def test_files_beside_the_code_are_part_of_the_package() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    patterns: dict[str, list[str]] = project["tool"]["setuptools"]["package-data"]
    source = ROOT / "operator"
    packed = {
        path
        for package, globs in patterns.items()
        for glob in globs
        for path in source.joinpath(*package.split(".")).glob(glob)
    }
    beside = {path for path in source.rglob("*") if path.suffix not in {"", ".py", ".pyc"} and path.is_file()}
    assert {path.name for path in packed} >= {"board.html", "board.css", "icon.svg"}
    assert packed == beside


def test_the_documents_tell_every_metric_and_no_other() -> None:
    told = (ROOT / "docs" / "operating.md").read_text(encoding="utf-8")
    rows = [line.partition("|")[2].partition("|")[0] for line in told.splitlines() if line.startswith("| `")]
    of_objects = {metric.name for metric in (*metrics.GAUGES, *metrics.COUNTERS)}
    text = Metrics().text().decode()
    of_process = set(re.findall(r"^# HELP datareplication_(\w+) ", text, re.MULTILINE))
    assert set(re.findall(r"`(\w+)`", " ".join(rows))) == of_process | of_objects
    assert {
        name.removesuffix("_bucket") for name in re.findall(r"datareplication_(\w+)", told)
    } <= of_process | of_objects


class TestValues:
    def test_every_value_has_a_schema_and_no_other_is_taken(self) -> None:
        values = yaml.safe_load((ROOT / CHART / "values.yaml").read_text(encoding="utf-8"))
        schema = json.loads((ROOT / CHART / "values.schema.json").read_text(encoding="utf-8"))
        assert set(paths_of(values, schema)) == set(schema_paths(schema)) - {"enabled"}

    def test_the_schema_of_jobs_is_the_models(self) -> None:
        schema = json.loads((ROOT / CHART / "values.schema.json").read_text(encoding="utf-8"))
        jobs = schema["properties"]["jobs"]
        assert jobs["properties"].keys() == crd.schema_of(JobSettings)["properties"].keys()
        assert jobs["additionalProperties"] is False
        assert jobs["properties"]["hostAliases"]["items"]["additionalProperties"] is False

    def test_the_schema_of_notifications_is_the_models(self) -> None:
        schema = json.loads((ROOT / CHART / "values.schema.json").read_text(encoding="utf-8"))
        sink = schema["properties"]["notifications"]["properties"]["sinks"]["items"]
        assert sink["properties"].keys() == crd.schema_of(Sink)["properties"].keys()
        assert sink["additionalProperties"] is False

    def test_versions_agree(self) -> None:
        chart = yaml.safe_load((ROOT / CHART / "Chart.yaml").read_text(encoding="utf-8"))
        project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
        assert chart["version"] == chart["appVersion"] == project["version"]


KUBERNETES_OWN = ("jobs", "strategy", "startupProbe", "readinessProbe", "livenessProbe")
"""Values whose inner fields values.yaml does not list."""


def schema_paths(schema: Mapping[str, Any], path: str = "") -> Iterator[str]:
    """Yield the values that a schema knows one by one, as a.b; every object that lists them takes no others."""
    for name, part in schema["properties"].items():
        if "properties" in part and name not in KUBERNETES_OWN:
            assert name == "global" or part["additionalProperties"] is False
            yield from schema_paths(part, f"{path}{name}.")
        else:
            yield f"{path}{name}"


def paths_of(values: Mapping[str, Any], schema: Mapping[str, Any], path: str = "") -> Iterator[str]:
    """Yield the values of values.yaml as a.b, as deep as the schema goes."""
    for name, value in values.items():
        part = schema["properties"].get(name, {})
        if "properties" in part and name not in KUBERNETES_OWN:
            yield from paths_of(value, part, f"{path}{name}.")
        else:
            yield f"{path}{name}"
