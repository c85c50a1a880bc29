"""Rules for values that must never work outside of production, by the usual names of their columns."""

from collections.abc import Mapping, Sequence

from datareplication.jobs.model.masking.rules import Default, Rule

_NULL = Rule("Null")


def _by_names(*patterns: str) -> Sequence[Default]:
    return tuple(Default(pattern, "*", _NULL) for pattern in patterns)


PRESETS: Mapping[str, Sequence[Default]] = {
    "Secrets": _by_names(
        *("*_token", "*_secret", "*_ciphertext", "*_encrypted", "encrypted_*", "*_api_key", "api_key"),
        *("otp_*", "*_otp", "*totp*", "*recovery_code*", "*password*", "*_private_key", "private_key"),
        *("token", "secret", "*_digest", "*_salt", "salt", "*_pin", "pin"),
    ),
    "Webhooks": _by_names("*.*webhook*.url", "*.*webhook*.headers", "*.*webhook*.payload", "webhook_url"),
    "Outbox": _by_names("*.*outbox*.payload", "*.*outbox*.body", "*.*outbox*.headers", "*.*outbox*.recipient"),
}
"""Name -> defaults. All become NULL: a masked token is of no use, and a kept token gives access."""
