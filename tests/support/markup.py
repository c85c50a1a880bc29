"""Reads HTML strictly: what a browser would repair is an error here."""

from dataclasses import dataclass
from html.parser import HTMLParser

VOID = {"meta", "link", "input", "br", "rect"}
"""Elements without an end; those of SVG are closed by a slash."""


class BadMarkupError(Exception):
    """The page is not what its templates mean."""


@dataclass(frozen=True)
class Element:
    """One element: its name, its attributes, and how many others it is in."""

    name: str
    attributes: dict[str, str]
    depth: int


class Page(HTMLParser):
    """The elements of a page, in order. BadMarkupError: an end without a beginning, two equal ids, an attribute twice."""

    def __init__(self, text: str) -> None:
        super().__init__(convert_charrefs=True)
        self.elements: list[Element] = []
        self._open: list[Element] = []
        self._said: list[str] = []
        self.feed(text)
        self.close()
        if self._open:
            raise BadMarkupError(f"not closed: {[one.name for one in self._open]}")
        ids = [one.attributes["id"] for one in self.elements if "id" in one.attributes]
        if len(ids) != len(set(ids)):
            raise BadMarkupError(f"an id twice: {sorted(ids)}")

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if len(attrs) != len({name for name, _ in attrs}):
            raise BadMarkupError(f"{tag} has an attribute twice: {attrs}")
        element = Element(tag, {name: value or "" for name, value in attrs}, len(self._open))
        self.elements.append(element)
        if tag not in VOID:
            self._open.append(element)

    def handle_endtag(self, tag: str) -> None:
        if tag in VOID:
            return
        if not self._open or self._open[-1].name != tag:
            raise BadMarkupError(f"</{tag}> within {[one.name for one in self._open]} at {self.getpos()}")
        self._open.pop()

    def handle_data(self, data: str) -> None:
        if data.strip() and not self._open:
            raise BadMarkupError(f"text outside of the page: {data!r}")
        self._said.append(data)

    def handle_comment(self, data: str) -> None:
        raise BadMarkupError(f"a comment: {data!r}")

    @property
    def structure(self) -> list[tuple[int, str, tuple[str, ...]]]:
        """Return what is left without any text and any value: depth, name and attributes' names."""
        return [(one.depth, one.name, tuple(one.attributes)) for one in self.elements]

    @property
    def text(self) -> str:
        """Return the text of the page."""
        return "".join(self._said)

    def all(self, name: str) -> list[Element]:
        """Return all elements of a name."""
        return [one for one in self.elements if one.name == name]
