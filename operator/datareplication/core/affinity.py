"""A pod's affinity as Kubernetes has it, but for what looks into other namespaces."""

from typing import Annotated, Literal

from pydantic import Field

from datareplication.core.model import Model

Word = Annotated[str, Field(max_length=317)]
"""A label's or a field's name or value."""

Words = Annotated[list[Word], Field(max_length=64)]
Weight = Annotated[int, Field(ge=1, le=100, description="How much it counts.")]
TopologyKey = Annotated[str, Field(min_length=1, max_length=317, description="Label of nodes by which places differ.")]


class NodeExpression(Model):
    """A condition on a node's label or field."""

    key: Word = Field(description="Name of the label or field.")
    operator: Literal["In", "NotIn", "Exists", "DoesNotExist", "Gt", "Lt"] = Field(description="How it is compared.")
    values: Words = Field(default_factory=list, description="What it is compared with.")


class NodeTerm(Model):
    """Conditions that hold together."""

    match_expressions: list[NodeExpression] = Field(default_factory=list, max_length=64, description="On labels.")
    match_fields: list[NodeExpression] = Field(default_factory=list, max_length=64, description="On fields.")


class NodeTerms(Model):
    """Terms of which one has to hold."""

    node_selector_terms: list[NodeTerm] = Field(min_length=1, max_length=64, description="One of them has to hold.")


class PreferredNode(Model):
    """A term that had better hold."""

    weight: Weight
    preference: NodeTerm = Field(description="Which nodes.")


class NodeAffinity(Model):
    """Which nodes."""

    required_during_scheduling_ignored_during_execution: NodeTerms | None = Field(None, description="Only these.")
    preferred_during_scheduling_ignored_during_execution: list[PreferredNode] = Field(
        default_factory=list, max_length=64, description="Rather these."
    )


class LabelExpression(Model):
    """A condition on a pod's label."""

    key: Word = Field(description="Name of the label.")
    operator: Literal["In", "NotIn", "Exists", "DoesNotExist"] = Field(description="How it is compared.")
    values: Words = Field(default_factory=list, description="What it is compared with.")


class LabelSelector(Model):
    """Which pods, by their labels."""

    match_labels: dict[str, Word] = Field(default_factory=dict, max_length=64, description="Labels they have.")
    match_expressions: list[LabelExpression] = Field(default_factory=list, max_length=64, description="Conditions.")


class PodTerm(Model):
    """Pods of the resource's own namespace, and in which sense near to them."""

    label_selector: LabelSelector | None = Field(None, description="Which pods.")
    topology_key: TopologyKey


class PreferredPod(Model):
    """A term that had better hold."""

    weight: Weight
    pod_affinity_term: PodTerm = Field(description="Which pods, and how near.")


class PodAffinity(Model):
    """Near to which pods, or far from which."""

    required_during_scheduling_ignored_during_execution: list[PodTerm] = Field(
        default_factory=list, max_length=64, description="Only there."
    )
    preferred_during_scheduling_ignored_during_execution: list[PreferredPod] = Field(
        default_factory=list, max_length=64, description="Rather there."
    )


class Affinity(Model):
    """To nodes and other pods."""

    node_affinity: NodeAffinity | None = Field(None, description="To nodes.")
    pod_affinity: PodAffinity | None = Field(None, description="To pods of the same namespace.")
    pod_anti_affinity: PodAffinity | None = Field(None, description="Away from pods of the same namespace.")
