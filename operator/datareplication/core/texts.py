"""The texts of messages for people: a Jinja template and its values -> text. Pure; the only import of Jinja for them.

Values come from strangers and are escaped for where they are shown; a template's own text is the platform team's.
"""

import re
from collections.abc import Callable, Mapping
from typing import Any

from jinja2 import TemplateError, TemplateSyntaxError
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
        ImmutableSandboxedEnvironment().parse(template)
    except TemplateSyntaxError as error:
        return f"line {error.lineno}: {error.message}"
    return ""


def text(kind: str, template: str, values: Mapping[str, Any]) -> str:
    """Return the text for a kind of sink. A template that fails is replaced by ours, and the text says so."""
    try:
        return _rendered(kind, template or TEMPLATE, values)
    except (TemplateError, TypeError, ValueError, ArithmeticError) as error:
        return f"{_rendered(kind, TEMPLATE, values)}\n(the sink's template fails: {type(error).__name__})"


def _rendered(kind: str, template: str, values: Mapping[str, Any]) -> str:
    escape = KINDS[kind]
    environment = ImmutableSandboxedEnvironment(
        finalize=lambda value: escape(value) if isinstance(value, str) else value
    )
    return environment.from_string(template).render(values)[:LONGEST]
