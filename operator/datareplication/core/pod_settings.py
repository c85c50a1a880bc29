"""What a user may set for the Jobs' pods: Kubernetes' own fields that the restricted Pod Security level allows.

This is an allow-list: a field that is not here is refused. A stricter setting of the operator wins (`manifests.py`).
"""

from typing import Annotated, Any, Literal

from pydantic import AfterValidator, Field, StringConstraints

from datareplication.core.affinity import Affinity, LabelSelector, TopologyKey
from datareplication.core.model import LocalObjectReference, Model, ObjectName, keyed, rules
from datareplication.core.names import GROUP
from datareplication.core.quantity import Quantity

GroupId = Annotated[int, Field(ge=0, le=2_147_483_647)]

Address = Annotated[str, StringConstraints(min_length=1, max_length=45)]
LabelKey = Annotated[str, StringConstraints(min_length=1, max_length=317)]
LabelValue = Annotated[str, StringConstraints(max_length=63)]
AnnotationValue = Annotated[str, StringConstraints(max_length=4096)]
KEY_LIMIT = 317
"""Longest key of a label or an annotation in Kubernetes: a prefix of 253, a slash, a name of 63."""

_SHORT_KEYS = ("self.all(key, size(key) <= 317)", f"a key has at most {KEY_LIMIT} characters")

OURS = f"{GROUP}/"
"""Prefix of the labels and annotations by which the operator finds its Jobs and remembers what it did."""

_OTHERS = (f"self.all(key, !key.startsWith('{OURS}'))", f"labels and annotations of {OURS} are the operator's own")

UNCONFINING = ("container.apparmor.security.beta.kubernetes.io/", "seccomp.security.alpha.kubernetes.io/")
"""Prefixes of annotations that Kubernetes takes for a security context."""

TO_THE_RUNTIME = (
    "cdi.k8s.io/",
    "devices.noderesource.dev",
    "devices.nri.io",
    "io.containers.",
    "io.katacontainers.",
    "io.kubernetes.cri-o.",
    "run.oci.",
    "seccomp-profile.kubernetes.cri-o.io",
)
"""Prefixes of annotations by which container runtimes take profiles, devices of the node, hooks or a hypervisor. No
Pod Security level looks at them."""

_CONFINED = [
    (f"!('{key}' in self)", "sets a security profile, which is the operator's to set: leave it out")
    for key in (*(f"{UNCONFINING[0]}{name}" for name in ("dump", "load")), f"{UNCONFINING[1]}pod")
]


def _short(named: dict[str, str]) -> dict[str, str]:
    for key in named:
        if len(key) > KEY_LIMIT:
            raise ValueError(f"{key[:100]}…: a key has at most {KEY_LIMIT} characters")
    return named


def _of_others(named: dict[str, str]) -> dict[str, str]:
    for key in named:
        if key.startswith(OURS):
            raise ValueError(f"{key[:100]}: labels and annotations of {OURS} are the operator's own")
    return named


def _confined(annotations: dict[str, str]) -> dict[str, str]:
    for key in annotations:
        if key.startswith(UNCONFINING):
            raise ValueError(f"{key[:100]} sets a security profile, which is the operator's to set: leave it out")
        if key.startswith(TO_THE_RUNTIME):
            raise ValueError(f"{key[:100]} speaks to the node's container runtime: leave it out")
    return annotations


NodeSelector = Annotated[
    dict[str, LabelValue], Field(max_length=64, json_schema_extra=rules(_SHORT_KEYS)), AfterValidator(_short)
]
_BOUNDED = Field(max_length=64, json_schema_extra=rules(_SHORT_KEYS, _OTHERS))
Labels = Annotated[dict[str, LabelValue], _BOUNDED, AfterValidator(_short), AfterValidator(_of_others)]
Annotations = Annotated[dict[str, AnnotationValue], _BOUNDED, AfterValidator(_short), AfterValidator(_of_others)]
PodAnnotations = Annotated[
    Annotations, Field(json_schema_extra=rules(*_CONFINED, _SHORT_KEYS, _OTHERS)), AfterValidator(_confined)
]


class SeLinuxOptions(Model):
    """The part of SELinux' label that can only confine."""

    level: str = Field(max_length=253, description="The level (MCS categories), for example s0:c1,c2.")


class SeccompProfile(Model):
    """The seccomp profile; no other than RuntimeDefault."""

    type: Literal["RuntimeDefault"] = Field(description="RuntimeDefault, which is also the default.")


class PodSecurity(Model):
    """The user and the groups of the Jobs' pods."""

    run_as_user: int | None = Field(None, ge=1, le=2_147_483_647, description="The uid; never root.")
    run_as_group: GroupId | None = Field(None, description="The gid.")
    run_as_non_root: Literal[True] | None = Field(None, description="true, which is also the default.")
    fs_group: GroupId | None = Field(None, description="The group that volumes are given to.")
    fs_group_change_policy: Literal["Always", "OnRootMismatch"] | None = Field(
        None, description="When volumes are given to fsGroup."
    )
    supplemental_groups: list[GroupId] = Field(default_factory=list, max_length=32, description="Further groups.")
    supplemental_groups_policy: Literal["Merge", "Strict"] | None = Field(
        None, description="Whether the image's groups count as well."
    )
    se_linux_options: SeLinuxOptions | None = Field(None, description="SELinux' level.")
    seccomp_profile: SeccompProfile | None = Field(None, description="RuntimeDefault, which is also the default.")


class Resources(Model):
    """A container's resources."""

    requests: dict[str, Quantity] = Field(default_factory=dict, max_length=32, description="What it is given.")
    limits: dict[str, Quantity] = Field(default_factory=dict, max_length=32, description="The most it may use.")


class Toleration(Model):
    """A taint that the pod tolerates."""

    key: str | None = Field(None, max_length=317, description="The taint's key; unset: any key.")
    operator: Literal["Exists", "Equal"] | None = Field(None, description="How value is compared.")
    value: str | None = Field(None, max_length=63, description="The taint's value.")
    effect: Literal["", "NoSchedule", "PreferNoSchedule", "NoExecute"] | None = Field(
        None, description="The taint's effect; unset: any."
    )
    toleration_seconds: int | None = Field(None, description="For how long a NoExecute taint is tolerated.")


class SpreadConstraint(Model):
    """How pods are spread over a topology."""

    max_skew: int = Field(ge=1, description="By how many pods two domains of the topology may differ.")
    topology_key: TopologyKey
    when_unsatisfiable: Literal["DoNotSchedule", "ScheduleAnyway"] = Field(
        description="What becomes of a pod that would break the constraint."
    )
    label_selector: LabelSelector | None = Field(None, description="Which pods are counted.")
    match_label_keys: list[LabelKey] = Field(
        default_factory=list, max_length=32, description="Labels of the pod itself that select pods as well."
    )
    min_domains: int | None = Field(None, ge=1, description="Fewer eligible domains than these count as an empty one.")
    node_affinity_policy: Literal["Honor", "Ignore"] | None = Field(
        None, description="Whether nodes that the pod's affinity excludes count."
    )
    node_taints_policy: Literal["Honor", "Ignore"] | None = Field(
        None, description="Whether nodes with taints that the pod does not tolerate count."
    )


class DnsOption(Model):
    """An option of the resolver."""

    name: Annotated[str, StringConstraints(min_length=1, max_length=253)] = Field(description="Name of the option.")
    value: Annotated[str, StringConstraints(max_length=253)] | None = Field(None, description="Its value.")


class DnsConfig(Model):
    """What is added to the pod's resolver."""

    nameservers: list[Address] = Field(default_factory=list, max_length=20, description="Addresses of name servers.")
    searches: list[Annotated[str, StringConstraints(max_length=253)]] = Field(
        default_factory=list, max_length=32, description="Domains in which short names are looked up."
    )
    options: list[DnsOption] = Field(default_factory=list, max_length=32, description="Options, for example ndots.")


class HostAlias(Model):
    """A line of the pod's /etc/hosts."""

    ip: Address = Field(description="The address.")
    hostnames: list[Annotated[str, StringConstraints(min_length=1, max_length=253)]] = Field(
        min_length=1, max_length=32, description="Names of that address."
    )


class PodSettings(Model):
    """Where a Job's pod runs and what it may use."""

    resources: Resources = Field(
        default_factory=Resources, description="The container's resources: requests and limits."
    )
    node_selector: NodeSelector = Field(default_factory=dict, description="Labels a node must have.")
    affinity: Affinity = Field(
        default_factory=Affinity,
        description="The pod's affinity to nodes and to other pods of its namespace: nodeAffinity, podAffinity, "
        "podAntiAffinity.",
    )
    priority_class_name: str = Field("", max_length=253, description="The pod's PriorityClass.")
    image_pull_secrets: list[LocalObjectReference] = Field(
        default_factory=list,
        max_length=16,
        description="Secrets to pull the image with, beside the operator's own.",
        json_schema_extra=keyed("name"),
    )
    pod_labels: Labels = Field(default_factory=dict, description="Labels added to the pod.")
    pod_annotations: PodAnnotations = Field(default_factory=dict, description="Annotations added to the pod.")
    tolerations: list[Toleration] = Field(
        default_factory=list,
        max_length=64,
        description="Taints that the pod tolerates: key, operator, value, effect, tolerationSeconds.",
    )
    topology_spread_constraints: list[SpreadConstraint] = Field(
        default_factory=list,
        max_length=16,
        description="How the pods are spread, as in Kubernetes.",
        json_schema_extra=keyed("topologyKey", "whenUnsatisfiable"),
    )
    service_account_name: ObjectName | None = Field(
        None, description="The pod's ServiceAccount, for example for its pull Secrets. Its token is never mounted."
    )
    runtime_class_name: ObjectName | None = Field(None, description="The pod's RuntimeClass.")
    dns_config: DnsConfig = Field(
        default_factory=DnsConfig, description="Added to the pod's resolver: nameservers, searches, options."
    )
    host_aliases: list[HostAlias] = Field(
        default_factory=list,
        max_length=64,
        description="Lines of the pod's /etc/hosts: ip, hostnames.",
        json_schema_extra=keyed("ip"),
    )


class JobSettings(PodSettings):
    """What all Jobs have in common: the Jobs' own labels and annotations, and what holds for their pods."""

    labels: Labels = Field(
        default_factory=dict, description="Labels added to the Jobs, for example kueue.x-k8s.io/queue-name."
    )
    annotations: Annotations = Field(default_factory=dict, description="Annotations added to the Jobs.")


def together(*layers: PodSettings) -> PodSettings:
    """Return several settings as one; of two that set the same, the later one counts.

    Labels, annotations and node selectors are joined key by key. Everything else is taken whole from the last layer
    that sets it: the halves of two `resources` need not fit together.
    """
    values: dict[str, Any] = {}
    for layer in layers:
        for name in PodSettings.model_fields.keys() & layer.model_fields_set:
            value = getattr(layer, name)
            values[name] = {**values.get(name, {}), **value} if isinstance(value, dict) else value
    return PodSettings(**values)
