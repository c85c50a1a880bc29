"""The texts of messages for people: a Jinja template and its values -> text. Pure; the only import of Jinja for them.

Values come from strangers and are escaped for where they are shown; a template's own text is the platform team's.
"""

import re
from collections.abc import Callable, Mapping
from typing import Any

from jinja2 import TemplateSyntaxError, Undefined
from jinja2.sandbox import ImmutableSandboxedEnvironment

TEMPLATE = """\
{{ title }}
{%- if run %} ({{ run }}){% endif %}
{%- if message %}
{{ message }}{% endif %}
{%- for target in targets if target.phase == "Failed" and targets | length > 1 and target.message not in message %}
{{ target.name }}: {{ target.reason }}: {{ target.message }}
{%- endfor %}"""

LONGEST = 4000
"""Characters of a text. ntfy makes a file of what is longer than 4,096 bytes, Slack cuts it."""


def _for_slack(text: str) -> str:
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def _for_teams(text: str) -> str:
    return re.sub(r"([\\`*_\[\]])", r"\\\1", text)


KINDS: dict[str, Callable[[str], str]] = {"Slack": _for_slack, "Teams": _for_teams, "Ntfy": str}
"""Kind of sink -> how a value is escaped."""


def fault(template: str) -> str:
    """Return what is wrong with a template; empty if it can be read."""
    try:
        ImmutableSandboxedEnvironment().compile(template)
    except TemplateSyntaxError as error:  # also an unknown filter or test
        return f"line {error.lineno}: {error.message}"
    return ""


def text(kind: str, template: str, values: Mapping[str, Any]) -> str:
    """Return the text for a kind of sink. A template that fails is replaced by ours, and the text says so."""
    try:
        return _rendered(kind, template or TEMPLATE, values)
    except Exception as error:  # noqa: BLE001 - a template calls what it likes, and the message is to arrive all the same
        return f"{_rendered(kind, TEMPLATE, values)}\n(the sink's template fails: {type(error).__name__})"


def _rendered(kind: str, template: str, values: Mapping[str, Any]) -> str:
    escape = KINDS[kind]
    # Whatever it is: a list of messages, or one that a filter calls safe. `str` makes a plain text of the latter too.
    environment = ImmutableSandboxedEnvironment(finalize=lambda value: escape(_plain(value)))
    return environment.from_string(template).render(values)[:LONGEST]


def _plain(value: Any) -> str:
    """Return a value as text of exactly the type str: Markup would escape what it is compared with."""
    return "" if value is None or isinstance(value, Undefined) else "".join(str(value))
