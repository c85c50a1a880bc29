"""As whom a kubeconfig's user acts: `as`, `as-uid`, `as-groups`, `as-user-extra` -> headers of each request. Pure.

Without these headers the plugin would act with all the rights of the person who logs in, where kubectl does not.
"""

from collections.abc import Iterator, Mapping
from typing import Any
from urllib.parse import quote

from datareplication.errors import UsageError


def headers(user: Mapping[str, Any]) -> tuple[tuple[str, str], ...]:
    """Return the headers; none if the user acts as itself. UsageError for an entry that cannot be sent."""
    found = tuple(_headers(user))
    for name, value in found:
        if not value or not value.isprintable() or not value.isascii():
            raise UsageError(f"the kubeconfig's user has an {name} that no header can hold; correct its as-entries")
    if found and not user.get("as"):
        raise UsageError("the kubeconfig's user has as-uid, as-groups or as-user-extra without as; add as")
    return found


def _headers(user: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    for field, header in (("as", "Impersonate-User"), ("as-uid", "Impersonate-Uid")):
        if user.get(field):
            yield header, str(user[field])
    for group in user.get("as-groups") or ():
        yield "Impersonate-Group", str(group)
    for key, values in (user.get("as-user-extra") or {}).items():
        for value in values or ():
            yield f"Impersonate-Extra-{quote(str(key), safe='')}", str(value)
