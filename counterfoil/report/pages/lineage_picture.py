"""Draw a lineage: columns from tables to releases, as SVG that needs nothing but itself.

Left of the results is where a number comes from, right of them is who let it leave. Equal lineages give equal bytes.
Knows nothing of how a lineage is made.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from html import escape
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from counterfoil.governance.verification.lineage import Lineage, Vertex

_COLUMNS: Final[tuple[tuple[str, tuple[str, ...]], ...]] = (
    ("What owners put in", ("contract", "table")),
    ("How it was computed", ("plan",)),
    ("Results", ("result",)),
    ("The draft", ("agreement", "draft", "software")),
    ("Who decided", ("decision",)),
    ("What left, sealed", ("release",)),
)
_FACTS: Final = {
    "table": ("rows",), "plan": ("analysis", "columns"), "result": ("for", "hidden"),
    "agreement": ("suite",), "draft": ("period", "signed by", "opened on the way"),
    "decision": ("decided",), "release": ("announced", "cosigned by"),
}  # fmt: skip
_COLOURS: Final = {
    "contract": "#5b6570", "table": "#0b5a94", "plan": "#00755a", "result": "#b04a00", "agreement": "#5b6570",
    "draft": "#5b3e96", "software": "#5b6570", "decision": "#8c6d00", "release": "#b04a00",
}  # fmt: skip
_WIDTH, _GAP, _LINE, _PAD, _SPACE, _TOP, _MARGIN = 196.0, 56.0, 15.0, 9.0, 14.0, 62.0, 16.0
_LETTERS, _UNBROKEN = 29, 22  # that fit into a line of a box, and into one without a gap, as digits are wide


@dataclass(frozen=True, slots=True)
class _Box:
    vertex: Vertex
    x: float
    y: float
    lines: tuple[str, ...]

    @property
    def height(self) -> float:
        return _LINE * (len(self.lines) + 1) + 2 * _PAD

    @property
    def middle(self) -> float:
        return self.y + self.height / 2


def picture(graph: Lineage) -> str:
    """Draw every vertex as a box that shows the start of its digest."""
    columns = [[each for kind in kinds for each in graph.of(kind)] for _, kinds in _COLUMNS]
    heights = [sum(_height(each) + _SPACE for each in column) - _SPACE for column in columns]
    tall = max(heights)
    boxes: dict[str, _Box] = {}
    for number, (column, height) in enumerate(zip(columns, heights, strict=True)):
        x, y = _MARGIN + number * (_WIDTH + _GAP), _TOP + (tall - height) / 2
        for each in column:
            boxes[each.id] = _Box(each, x, y, _lines(each))
            y += boxes[each.id].height + _SPACE
    width, total = 2 * _MARGIN + len(columns) * (_WIDTH + _GAP) - _GAP, _TOP + tall + _MARGIN
    parts = [*_heads(), *_edges(graph, boxes), *(line for box in boxes.values() for line in _drawn(box))]
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width:g} {total:g}" role="img" '
        'font-family="Helvetica, Arial, sans-serif" font-size="11.5">'
        f"<title>Where the results of job {escape(graph.job)} come from</title>"
        f"<desc>{escape(_words(graph))}</desc>"
        f'<rect width="{width:g}" height="{total:g}" fill="#ffffff"/>{"".join(parts)}</svg>\n'
    )


def _heads() -> Iterator[str]:
    for number, (title, _) in enumerate(_COLUMNS):
        x = _MARGIN + number * (_WIDTH + _GAP)
        yield f'<text x="{x:g}" y="26" font-size="14" font-weight="bold" fill="#1b1f24">{escape(title)}</text>'
        yield f'<line x1="{x:g}" x2="{x + _WIDTH:g}" y1="38" y2="38" stroke="#d5dae1"/>'


def _edges(graph: Lineage, boxes: dict[str, _Box]) -> Iterator[str]:
    """Join what rests on its neighbour in the next column to it; farther ends follow from these."""
    for source, target, _ in graph.edges:
        later, earlier = boxes[source], boxes[target]
        apart = round((later.x - earlier.x) / (_WIDTH + _GAP))
        if abs(apart) == 1:
            left, right = (earlier, later) if apart == 1 else (later, earlier)
            x1, x2 = left.x + _WIDTH, right.x
            bend = (x1 + x2) / 2
            yield (
                f'<path d="M{x1:g} {left.middle:g}C{bend:g} {left.middle:g} {bend:g} {right.middle:g} '
                f'{x2:g} {right.middle:g}" fill="none" stroke="{_COLOURS[left.vertex.kind]}" stroke-opacity="0.45" '
                'stroke-width="1.3"/>'
            )


def _drawn(box: _Box) -> Iterator[str]:
    colour = _COLOURS[box.vertex.kind]
    yield f"<g><title>{escape(f'{box.vertex.kind} {box.vertex.title}: {box.vertex.digest}')}</title>"
    yield (
        f'<rect x="{box.x:g}" y="{box.y:g}" width="{_WIDTH:g}" height="{box.height:g}" rx="3" fill="#f7f8fa" '
        f'stroke="#c3cad3"/><rect x="{box.x:g}" y="{box.y:g}" width="5" height="{box.height:g}" fill="{colour}"/>'
    )
    y = box.y + _PAD + 10.5
    for number, line in enumerate(box.lines):
        weight = ' font-weight="bold" fill="#1b1f24"' if not number else ' fill="#3d4651"'
        yield f'<text x="{box.x + 14:g}" y="{y:g}"{weight}>{escape(line)}</text>'
        y += _LINE
    yield (
        f'<text x="{box.x + 14:g}" y="{y:g}" font-family="monospace" font-size="10.5" fill="{colour}">'
        f"{box.vertex.digest[:20]}</text></g>"
    )


def _height(vertex: Vertex) -> float:
    return _LINE * (len(_lines(vertex)) + 1) + 2 * _PAD


def _lines(vertex: Vertex) -> tuple[str, ...]:
    title = {"contract": "contract ", "agreement": "agreement ", "software": "software: "}.get(vertex.kind, "")
    lines = _wrapped(title + vertex.title)
    for name in _FACTS.get(vertex.kind, ()):
        lines += _wrapped(f"{name}: {vertex.facts[name]}")
    return tuple(lines)


def _wrapped(text: str) -> list[str]:
    """Wrap words to at most three lines; what is longer is cut, and the index has it in full."""
    lines = [""]
    for word in _words_of(text):
        if lines[-1] and len(lines[-1]) + 1 + len(word) > _LETTERS:
            lines.append(word)
        else:
            lines[-1] = f"{lines[-1]} {word}".strip()
    return [*lines[:2], f"{lines[2][: _LETTERS - 1]}…"] if len(lines) > 3 else lines


def _words_of(text: str) -> Iterator[str]:
    for word in text.split():
        most = _UNBROKEN if len(word) > _LETTERS else _LETTERS
        yield from (word[start : start + most] for start in range(0, len(word), most))


def _words(graph: Lineage) -> str:
    def names(kind: str) -> str:
        found: Sequence[Vertex] = graph.of(kind)
        return ", ".join(each.title for each in found) or "nothing yet"

    return (
        f"Tables: {names('table')}. Computed by: {names('plan')}. Results: {names('result')}. "
        f"Decisions: {names('decision')}. Released: {names('release')}. The index says all of it in words."
    )
