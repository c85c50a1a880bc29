"""Where notifications may go: the chart's value `notifications`. Pure.

The platform team writes it. Addresses and keys are in Secrets, which only `controller/sending.py` reads.
"""

from typing import Annotated, Self

from pydantic import Field, StringConstraints, model_validator

from datareplication.core import texts
from datareplication.core.choices import NoticeEvent, SinkKind
from datareplication.core.model import Model, ObjectName, keyed
from datareplication.core.subscriptions import RUN_EVENTS

SinkName = Annotated[str, StringConstraints(pattern=r"^[a-z0-9]([-a-z0-9]*[a-z0-9])?$", min_length=1, max_length=43)]
"""Becomes a folder and a part of a volume's name."""

Namespace = Annotated[str, StringConstraints(pattern=r"^[a-z0-9]([-a-z0-9]*[a-z0-9])?$", max_length=63)]


class Sink(Model):
    """A place where notifications may go."""

    name: SinkName = Field(description="Its name in spec.notifications.")
    kind: SinkKind = Field(description="Webhook, Slack, Teams, Ntfy or OpenLineage: what is sent.")
    secret_name: ObjectName = Field(
        description="Secret in the release's namespace with the keys url and, where needed, token, signingKey, ca.crt."
    )
    namespaces: list[Namespace] = Field(
        default_factory=list, max_length=1000, description="Whose DataReplications may use it; empty: all."
    )
    template: str = Field(
        "", max_length=4000, description="Text for Slack, Teams and Ntfy as a Jinja template. Empty: a text of ours."
    )

    @model_validator(mode="after")
    def _has_a_readable_template(self) -> Self:
        if self.template and self.kind not in texts.KINDS:
            raise ValueError(f"template goes with {', '.join(texts.KINDS)}, not with {self.kind}: leave it out")
        if fault := texts.fault(self.template):
            raise ValueError(f"template cannot be read: {fault}")
        return self

    def is_for(self, namespace: str) -> bool:
        """Whether DataReplications of a namespace may use it."""
        return not self.namespaces or namespace in self.namespaces

    def takes(self, event: NoticeEvent) -> bool:
        """Whether it can be told of an event: lineage knows only runs."""
        return self.kind != "OpenLineage" or event in RUN_EVENTS


class SinkSettings(Model):
    """The chart's value `notifications`."""

    sinks: list[Sink] = Field(
        default_factory=list, max_length=100, description="Where notifications may go.", json_schema_extra=keyed("name")
    )

    @model_validator(mode="after")
    def _names_differ(self) -> Self:
        names = [sink.name for sink in self.sinks]
        if duplicates := sorted({name for name in names if names.count(name) > 1}):
            raise ValueError(f"duplicate sink name {duplicates[0]!r}: give each sink its own name")
        return self
