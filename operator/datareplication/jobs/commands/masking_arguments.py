"""The arguments and the variable about masking, as dump, load and mask read them."""

import secrets
from collections.abc import Mapping
from pathlib import Path

from datareplication.errors import UsageError
from datareplication.jobs.model.settings import MaskingSettings

KEY_VARIABLE = "MASKING_KEY"
SHORTEST_KEY = 16


def masking(path: str | None, environment: Mapping[str, str]) -> MaskingSettings | None:
    """Return how a dump masks; None without the argument, UsageError without a key."""
    return None if path is None else _given(path, environment)


def _given(path: str, environment: Mapping[str, str]) -> MaskingSettings:
    """Return how a dump masks.

    An empty name is an error: in a script it may come from a variable that is not set, and nothing would be masked.
    """
    if not path:
        raise UsageError("--masking is empty: it names the file of the masking rules")
    key = masking_key(environment)
    if key is None:
        text = f"{KEY_VARIABLE} must hold the masking key, at least {SHORTEST_KEY} characters that nobody can guess"
        raise UsageError(f"{text}: for example the output of `openssl rand -hex 32`", reason="MissingVariable")
    return MaskingSettings(Path(path), key)


def masking_key(environment: Mapping[str, str]) -> bytes | None:
    """Return the masking key; None if there is none, or one that is too short to be secret."""
    key = environment.get(KEY_VARIABLE, "")
    return key.encode("utf-8", "surrogateescape") if len(key) >= SHORTEST_KEY else None


def masking_by_any_key(path: str, environment: Mapping[str, str]) -> MaskingSettings:
    """Return the same with a random key if none is given, for work that writes no masked value to a snapshot."""
    return _given(path, {KEY_VARIABLE: secrets.token_hex(32), **environment})
