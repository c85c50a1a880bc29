"""The CustomResourceDefinitions, generated from the models: type, default, limit and description have one source.

pydantic's JSON schema becomes a structural one: references are replaced by what they refer to, `null` becomes
`nullable`, a pattern with a message becomes a CEL rule. `kubectl apply` refuses an unknown field.

Within a list's items the API server fills in no defaults; the operator does (`core/spec.py`). kubectl and Argo CD
compare lists as a whole: with defaults in there, they would find a difference each time.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from datareplication.core.model import Model
from datareplication.core.names import GROUP, VERSION
from datareplication.core.run import RunSpec
from datareplication.core.spec import ReplicationSpec
from datareplication.core.state import ReplicationStatus, RunStatus

DROPPED = {"title", "additionalProperties", "anyOf", "const", "$ref", "x-pattern-message"}


def _column(name: str, path: str, kind: str = "string", priority: int = 0) -> dict[str, Any]:
    column: dict[str, Any] = {"name": name, "type": kind, "jsonPath": path}
    return column | ({"priority": priority} if priority else {})


REPLICATION_COLUMNS = [
    _column("Schedule", ".spec.schedule.cron"),
    _column("Phase", ".status.phase"),
    _column("Targets", ".status.targetsSummary"),
    _column("Last Success", ".status.lastSuccessfulTime", "date"),
    _column("Next", ".status.nextScheduleTime"),
    _column("Ready", ".status.conditions[?(@.type=='Ready')].status"),
    _column("Fresh", ".status.conditions[?(@.type=='Fresh')].status", priority=1),
    _column("Message", ".status.message", priority=1),
    _column("Age", ".metadata.creationTimestamp", "date"),
]
RUN_COLUMNS = [
    _column("Replication", ".spec.replicationName"),
    _column("Phase", ".status.phase"),
    _column("Targets", ".status.targetsSummary"),
    _column("Started", ".status.startTime", "date"),
    _column("Duration", ".status.duration"),
    _column("Snapshot", ".status.snapshot", priority=1),
    _column("Message", ".status.message", priority=1),
    _column("Age", ".metadata.creationTimestamp", "date"),
]

NO_DOTS = {
    "rule": "!self.metadata.name.contains('.')",
    "message": "must not contain dots: it becomes part of other objects' names",
    "fieldPath": ".metadata.name",
}
REPLICATION_RULES = [
    NO_DOTS,
    {
        "rule": "self.spec.targets.all(t, size(self.metadata.name) + size(t.name) <= 43)",
        "message": "with a target's name it must not be longer than 43 characters: both become part of a Job's name",
        "fieldPath": ".metadata.name",
    },
]
RUN_RULES = [
    {
        "rule": "!has(oldSelf.status) || !has(oldSelf.status.startTime) || (has(self.spec.replication) == "
        "has(oldSelf.spec.replication) && (!has(self.spec.replication) || "
        "self.spec.replication == oldSelf.spec.replication))",
        "message": "replication cannot change once the run has begun",
        "fieldPath": ".spec.replication",
    },
    NO_DOTS,
    {
        "rule": "size(self.metadata.name) <= 57",
        "message": "must be at most 57 characters: it becomes part of its Jobs' names",
        "fieldPath": ".metadata.name",
    },
]


@dataclass(frozen=True)
class ResourceKind:
    """What differs between the two kinds."""

    name: str
    short_name: str
    description: str
    columns: list[dict[str, Any]]
    selectable: tuple[str, ...] = ()

    @property
    def plural(self) -> str:
        """Return the name in paths."""
        return self.name.lower() + "s"


REPLICATION = ResourceKind(
    "DataReplication",
    "drep",
    "Copies one PostgreSQL database into others on a schedule: one dump, then one load per target.",
    REPLICATION_COLUMNS,
)
RUN = ResourceKind(
    "DataReplicationRun",
    "dreprun",
    "One run of a DataReplication: made for a slot of its schedule, or made by hand to run it now.",
    RUN_COLUMNS,
    (".spec.replicationName",),
)


def definitions() -> tuple[dict[str, Any], dict[str, Any]]:
    """Return both CustomResourceDefinitions as they are applied to a cluster."""
    return (
        _definition(REPLICATION, _root(ReplicationSpec, ReplicationStatus, REPLICATION_RULES)),
        _definition(RUN, _root(RunSpec, RunStatus, RUN_RULES)),
    )


def specs() -> dict[str, dict[str, Any]]:
    """Return kind -> schema of its spec with all defaults, also those of a list's items."""
    return {REPLICATION.name: _with_all_defaults(ReplicationSpec), RUN.name: _with_all_defaults(RunSpec)}


def _definition(kind: ResourceKind, schema: dict[str, Any]) -> dict[str, Any]:
    version: dict[str, Any] = {
        "name": VERSION,
        "served": True,
        "storage": True,
        "schema": {"openAPIV3Schema": {"description": kind.description} | schema},
        "subresources": {"status": {}},
        "additionalPrinterColumns": kind.columns,
    }
    if kind.selectable:
        version["selectableFields"] = [{"jsonPath": path} for path in kind.selectable]
    names = {
        "kind": kind.name,
        "listKind": f"{kind.name}List",
        "plural": kind.plural,
        "singular": kind.name.lower(),
        "shortNames": [kind.short_name],
        "categories": ["datareplication"],
    }
    return {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": f"{kind.plural}.{GROUP}"},
        "spec": {"group": GROUP, "scope": "Namespaced", "names": names, "versions": [version]},
    }


def _root(spec: type[Model], status: type[Model], root_rules: list[dict[str, str]]) -> dict[str, Any]:
    return {
        "type": "object",
        "required": ["spec"],
        "x-kubernetes-validations": root_rules,
        "properties": {
            "apiVersion": {"type": "string"},
            "kind": {"type": "string"},
            "metadata": {"type": "object", "properties": {"name": {"type": "string"}}},
            "spec": schema_of(spec),
            "status": schema_of(status),
        },
    }


def schema_of(model: type[Model]) -> dict[str, Any]:
    """Return the structural schema of a model."""
    return _without_defaults_in_lists(_with_all_defaults(model))


def shown(default: Any) -> str:
    """Return a default as YAML has it."""
    return default if isinstance(default, str) else str(default).lower()


def _with_all_defaults(model: type[Model]) -> dict[str, Any]:
    schema = model.model_json_schema(by_alias=True)
    return _structural(schema, schema.get("$defs", {}))


def _without_defaults_in_lists(node: Mapping[str, Any], *, in_list: bool = False) -> dict[str, Any]:
    """Move the defaults of fields of a list's items into the fields' descriptions."""
    kept = dict(node)
    default = kept.pop("default", None) if in_list else None
    if default not in (None, {}):
        kept["description"] = f"{node['description']} Default: {shown(default)}."
    if "properties" in node:
        fields = node["properties"].items()
        kept["properties"] = {name: _without_defaults_in_lists(part, in_list=in_list) for name, part in fields}
    if "items" in node:
        kept["items"] = _without_defaults_in_lists(node["items"], in_list=True)
    return kept


def _structural(node: Mapping[str, Any], definitions: Mapping[str, Any]) -> dict[str, Any]:
    merged = _without_reference(node, definitions)
    kept = {key: value for key, value in merged.items() if key not in DROPPED | {"$defs", "default"}}
    if "const" in merged:
        kept |= {"enum": [merged["const"]]}
    if "properties" in merged:
        kept["properties"] = {name: _structural(part, definitions) for name, part in merged["properties"].items()}
        optional = kept["properties"].keys() - set(merged.get("required", ()))
        kept["properties"] |= {name: _with_default(kept["properties"][name]) for name in optional}
    if "items" in merged:
        kept["items"] = _structural(merged["items"], definitions)
    if isinstance(merged.get("additionalProperties"), Mapping):
        kept["additionalProperties"] = _structural(merged["additionalProperties"], definitions)
    if merged.get("default") not in (None, "", [], {}):
        kept["default"] = merged["default"]
    return _with_rules(kept, merged)


def _without_reference(node: Mapping[str, Any], definitions: Mapping[str, Any]) -> dict[str, Any]:
    """Replace a node's reference by its definition; the node's own keys win. `X or null` becomes nullable X."""
    merged = dict(node)
    if "$ref" in merged:
        merged = {**definitions[merged.pop("$ref").rsplit("/", 1)[1]], **merged}
    if "anyOf" in merged:
        variants = [variant for variant in merged.pop("anyOf") if variant.get("type") != "null"]
        merged = {**_without_reference(variants[0], definitions), **merged, "nullable": True}
    return merged


def _with_default(part: dict[str, Any]) -> dict[str, Any]:
    """Give an object whose fields all have defaults the default `{}`, so that the API server fills them in."""
    is_complete = part.get("type") == "object" and "properties" in part and "required" not in part
    has_defaults = is_complete and any("default" in field for field in part["properties"].values())
    return part | {"default": {}} if has_defaults and not part.get("nullable") else part


def _with_rules(kept: dict[str, Any], merged: Mapping[str, Any]) -> dict[str, Any]:
    message = merged.get("x-pattern-message")
    if message is None:
        return kept
    pattern = kept.pop("pattern").replace("\\", "\\\\").replace("'", "\\'")
    rule = {"rule": f"self.matches('{pattern}')", "message": message}
    return kept | {"x-kubernetes-validations": [rule, *kept.get("x-kubernetes-validations", ())]}
