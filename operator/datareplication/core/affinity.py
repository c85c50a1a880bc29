"""A pod's affinity as in Kubernetes, without the fields that select pods of other namespaces."""

from typing import Annotated, Literal

from pydantic import Field

from datareplication.core.model import Model

Word = Annotated[str, Field(max_length=317)]
"""A label's or a field's name or value."""

Words = Annotated[list[Word], Field(max_length=64)]
Weight = Annotated[int, Field(ge=1, le=100, description="Weight of the term.")]
TopologyKey = Annotated[str, Field(min_length=1, max_length=317, description="Node label of the topology.")]


class NodeExpression(Model):
    """A condition on a node's label or field."""

    key: Word = Field(description="Name of the label or field.")
    operator: Literal["In", "NotIn", "Exists", "DoesNotExist", "Gt", "Lt"] = Field(description="How it is compared.")
    values: Words = Field(default_factory=list, description="What it is compared with.")


class NodeTerm(Model):
    """Conditions that must all hold."""

    match_expressions: list[NodeExpression] = Field(default_factory=list, max_length=64, description="On labels.")
    match_fields: list[NodeExpression] = Field(default_factory=list, max_length=64, description="On fields.")


class NodeTerms(Model):
    """Terms of which one must hold."""

    node_selector_terms: list[NodeTerm] = Field(min_length=1, max_length=64, description="One of them must hold.")


class PreferredNode(Model):
    """A preferred term."""

    weight: Weight
    preference: NodeTerm = Field(description="Which nodes.")


class NodeAffinity(Model):
    """Affinity to nodes."""

    required_during_scheduling_ignored_during_execution: NodeTerms | None = Field(None, description="Required nodes.")
    preferred_during_scheduling_ignored_during_execution: list[PreferredNode] = Field(
        default_factory=list, max_length=64, description="Preferred nodes."
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
    """Pods of the resource's own namespace, and the topology in which they are near."""

    label_selector: LabelSelector | None = Field(None, description="Which pods.")
    topology_key: TopologyKey


class PreferredPod(Model):
    """A preferred term."""

    weight: Weight
    pod_affinity_term: PodTerm = Field(description="Which pods, and in which topology.")


class PodAffinity(Model):
    """Affinity to pods, or anti-affinity."""

    required_during_scheduling_ignored_during_execution: list[PodTerm] = Field(
        default_factory=list, max_length=64, description="Required terms."
    )
    preferred_during_scheduling_ignored_during_execution: list[PreferredPod] = Field(
        default_factory=list, max_length=64, description="Preferred terms."
    )


class Affinity(Model):
    """Affinity to nodes and to other pods."""

    node_affinity: NodeAffinity | None = Field(None, description="To nodes.")
    pod_affinity: PodAffinity | None = Field(None, description="To pods of the same namespace.")
    pod_anti_affinity: PodAffinity | None = Field(None, description="Away from pods of the same namespace.")
