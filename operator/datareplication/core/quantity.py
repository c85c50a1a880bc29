"""Kubernetes' quantities: text or whole number -> the text as it was written, and its value for comparisons."""

from decimal import Decimal
from typing import Annotated, Any

from pydantic import BeforeValidator, StringConstraints, WithJsonSchema

QUANTITY_PATTERN = r"^([0-9]{1,20}([.][0-9]{0,9})?|[.][0-9]{1,9})([KMGTPE]i|[numkMGTPE]|[eE][+-]?[0-9]{1,2})?$"

_BINARY = {f"{letter}i": Decimal(1024) ** power for power, letter in enumerate("KMGTPE", 1)}
_DECIMAL = {letter: Decimal(1000) ** power for power, letter in enumerate("num", -3)}
_FACTORS = _BINARY | _DECIMAL | {letter: Decimal(1000) ** power for power, letter in enumerate("kMGTPE", 1)}


def _as_text(value: Any) -> Any:
    return str(value) if isinstance(value, int) and not isinstance(value, bool) else value


Quantity = Annotated[
    str,
    StringConstraints(pattern=QUANTITY_PATTERN, max_length=64),
    BeforeValidator(_as_text),
    WithJsonSchema({"x-kubernetes-int-or-string": True, "pattern": QUANTITY_PATTERN, "maxLength": 64}),
]
"""An amount such as 2, 500m or 1.5Gi; never below zero."""


def amount(text: str) -> Decimal:
    """Return the value of a quantity that matches QUANTITY_PATTERN."""
    for suffix, factor in _FACTORS.items():
        if text.endswith(suffix):
            return Decimal(text.removesuffix(suffix)) * factor
    return Decimal(text)
