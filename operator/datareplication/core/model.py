"""What every part of a resource's model shares: the base class, the small types and the references.

This module translates between the resource's camelCase and Python's snake_case. A field's type, default, limits and
description stand in one place, the model; the CRD is generated from the model (`core/crd.py`).
"""

from typing import Annotated, Any, Literal, Self

from pydantic import (
    AfterValidator,
    AwareDatetime,
    BaseModel,
    ConfigDict,
    Field,
    GetPydanticSchema,
    StringConstraints,
)

from datareplication.core import times
from datareplication.core.reasons import Word
from datareplication.core.words import camel


class Model(BaseModel):
    """A frozen part of a spec. Unknown fields are refused, so that a misspelt field is an error."""

    model_config = ConfigDict(frozen=True, extra="forbid", alias_generator=camel, validate_by_name=True, strict=False)

    def having(self, **changes: Any) -> Self:
        """Return a copy with other values of some fields, by their Python names.

        Raises TypeError for an unknown field, pydantic's ValidationError for a value that the field cannot have.
        """
        values = self.__dict__ | changes
        if len(values) > len(self.__dict__):
            unknown = changes.keys() - self.__dict__.keys()
            raise TypeError(f"{type(self).__name__} has no field {', '.join(sorted(unknown))}")
        return type(self)(**values)


class StatusModel(Model):
    """A part of a status. Unknown fields, which an older or newer operator wrote, are ignored."""

    model_config = ConfigDict(extra="ignore")


def rules(*pairs: tuple[str, str]) -> dict[str, Any]:
    """Return the schema extension for CEL rules; each pair is (rule, message)."""
    return {"x-kubernetes-validations": [{"rule": rule, "message": message} for rule, message in pairs]}


def keyed(*keys: str) -> dict[str, Any]:
    """Return the schema extension of a list whose items are told apart by these fields."""
    return {"x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": list(keys)}


def plain(part: BaseModel) -> dict[str, Any]:
    """Return a part of a spec as it was written, for an object of Kubernetes' own."""
    return part.model_dump(by_alias=True, exclude_unset=True, exclude_none=True)


def pattern_message(message: str) -> dict[str, Any]:
    """Return the schema extension that refuses a value in words instead of with the pattern's regular expression."""
    return {"x-pattern-message": message}


Name = Annotated[
    str,
    StringConstraints(pattern=r"^[a-z0-9]([-a-z0-9]*[a-z0-9])?$", min_length=1, max_length=43),
    Field(json_schema_extra=pattern_message("must be lower-case letters, digits and '-', without '-' at either end")),
]
"""A DNS label that can become part of a Job's name."""

ObjectName = Annotated[
    str, StringConstraints(pattern=r"^[a-z0-9]([-a-z0-9.]*[a-z0-9])?$", min_length=1, max_length=253)
]
"""The name of a Secret, ConfigMap or PersistentVolumeClaim (a DNS subdomain)."""

Key = Annotated[str, StringConstraints(pattern=r"^[-._a-zA-Z0-9]+$", min_length=1, max_length=253)]
"""A key of a Secret or ConfigMap."""

HOST_PATTERN = r"^([^\s,/@:]+|[0-9A-Fa-f:.]*:[0-9A-Fa-f:.]*:[0-9A-Za-z:.%]*)$"
Host = Annotated[
    str,
    StringConstraints(pattern=HOST_PATTERN, min_length=1, max_length=253),
    Field(json_schema_extra=pattern_message("must be one host name or address; its port goes into port")),
]
"""One host name or address; libpq would read a comma as a list and a slash as a socket's directory. One colon would be
a port, two and more are an IPv6 address."""

DatabaseName = Annotated[str, StringConstraints(pattern=r"^[^\x00-\x1f]+$", min_length=1, max_length=63)]
"""PostgreSQL's limit is 63 bytes (NAMEDATALEN - 1)."""

Pattern = Annotated[
    str,
    StringConstraints(pattern=r"^[^.\x00-\x1f]+[.][^\x00-\x1f]+$", min_length=3, max_length=256),
    Field(json_schema_extra=pattern_message("must be schema.table, with * and ? as wildcards, for example audit.*")),
]
"""`schema.table` with `*` and `?`."""

Moment = Annotated[AwareDatetime, AfterValidator(times.bounded)]
"""A time outside the bounds of `times.py` is set to the bound: computing with the years 1 (Go's zero time) and 9999
would overflow. Times of a spec and of a status are both cut, or the two would differ for ever."""

AS_TEXT = GetPydanticSchema(lambda _, handler: handler(str))
"""Lets a word of ours be any text where a status is read: an operator of another version may have written it."""

Written = Annotated[Word, AS_TEXT]
"""A reason in a status."""

Seconds = Annotated[int, Field(ge=1, le=31_536_000)]
Port = Annotated[int, Field(ge=1, le=65_535)]
Workers = Annotated[int, Field(ge=1, le=64)]
SslMode = Literal["disable", "allow", "prefer", "require", "verify-ca", "verify-full"]


class KeyRef(Model):
    """One key of a Secret or ConfigMap in the resource's own namespace."""

    name: ObjectName = Field(description="Name of the object, in the resource's own namespace.")
    key: Key = Field(description="Key whose value is used.")


class CredentialsSecretRef(Model):
    """A Secret with a user name and a password, in the resource's own namespace."""

    name: ObjectName = Field(description="Name of the Secret, in the resource's own namespace.")
    username_key: Key = Field("username", description="Key that holds the role's name.")
    password_key: Key = Field("password", description="Key that holds the role's password.")


class SslRootCert(Model):
    """The certificate authority that signed a server's certificate."""

    model_config = ConfigDict(
        json_schema_extra=rules(
            (
                "has(self.secretKeyRef) != has(self.configMapKeyRef)",
                "give either secretKeyRef or configMapKeyRef",
            )
        )
    )

    secret_key_ref: KeyRef | None = Field(None, description="Key of a Secret that holds the PEM certificate.")
    config_map_key_ref: KeyRef | None = Field(None, description="Key of a ConfigMap that holds the PEM certificate.")


class ConfigMapSource(Model):
    """A text in a ConfigMap."""

    config_map_key_ref: KeyRef = Field(description="Key of the ConfigMap, in the resource's own namespace.")


class LocalObjectReference(Model):
    """An object in the resource's own namespace."""

    name: ObjectName = Field(description="Name of the object, in the resource's own namespace.")
