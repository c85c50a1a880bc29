"""The PersistentVolumeClaim that is made for the snapshots: which of its fields a user may set."""

from typing import Annotated, Any, Literal, Self

from pydantic import ConfigDict, Field, model_validator

from datareplication.core.model import Model, plain, rules
from datareplication.core.quantity import Quantity

AccessModes = Annotated[
    list[Literal["ReadWriteMany", "ReadWriteOnce", "ReadWriteOncePod"]],
    Field(min_length=1, max_length=3, description="ReadWriteMany, or ReadWriteOnce with all pods on one node."),
]
StorageClassName = Annotated[str, Field(max_length=253, description="The StorageClass; unset: the default one.")]

ONE_FORM = "give accessModes and resources, either here or below spec"


class ClaimRequests(Model):
    """The resources that a claim requests."""

    storage: Quantity = Field(description="The size.")


class ClaimResources(Model):
    """A claim's resources."""

    requests: ClaimRequests = Field(description="The resources that the claim requests.")


class ClaimSpec(Model):
    """A claim for a new, empty volume. Fields that copy or select an existing volume are refused."""

    access_modes: AccessModes
    storage_class_name: StorageClassName | None = None
    volume_mode: Literal["Filesystem"] | None = Field(None, description="Filesystem, which is also the default.")
    resources: ClaimResources = Field(description="requests.storage: the size.")


class ClaimTemplate(Model):
    """A claim's spec, by itself or below `spec`."""

    model_config = ConfigDict(
        json_schema_extra=rules(
            (
                "has(self.spec) ? !has(self.accessModes) && !has(self.resources) && !has(self.storageClassName) "  # noqa: ISC004
                "&& !has(self.volumeMode) : has(self.accessModes) && has(self.resources)",
                ONE_FORM,
            )
        )
    )

    access_modes: AccessModes | None = None
    storage_class_name: StorageClassName | None = None
    volume_mode: Literal["Filesystem"] | None = Field(None, description="Filesystem, which is also the default.")
    resources: ClaimResources | None = Field(None, description="requests.storage: the size.")
    spec: ClaimSpec | None = Field(None, description="The same fields, below spec as in a claim.")

    @model_validator(mode="after")
    def _has_one_form(self) -> Self:
        own = (self.access_modes, self.storage_class_name, self.volume_mode, self.resources)
        is_complete = self.access_modes is not None and self.resources is not None
        if any(part is not None for part in own) if self.spec else not is_complete:
            raise ValueError(ONE_FORM)
        return self

    @property
    def claim_spec(self) -> dict[str, Any]:
        """Return the spec of the claim."""
        return plain(self.spec or self)
