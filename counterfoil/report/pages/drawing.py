"""Draw lines, boxes and words as SVG in the page's colours, from the top down: what every chart is made of.

Knows no table.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from html import escape
from typing import Final

# The page names these colours; the values are for an SVG on its own. Every pair on white is 3:1 or better.
_COLOURS: Final = {
    "ink": "#1b1f24", "muted": "#5b6571", "line": "#d5dae1", "pos": "#0b5a94", "neg": "#b04a00",
    "s1": "#0072b2", "s2": "#d55e00", "s3": "#009e73", "s4": "#cc79a7", "s5": "#8c6d00", "s6": "#5b6570",
}  # fmt: skip

WIDTH, TEXT, LETTER = 440.0, 12.0, 0.6
"""Of the drawing, which a page shows a fifth larger: its width, the text's size, a letter's share of that."""

STEP: Final = 1.15 * TEXT
"""From line to line."""


class Drawing:
    """A drawing of SVG elements, from the top down."""

    def __init__(self) -> None:
        self.height = 0.0
        self._parts: list[str] = []
        self._hatched = False

    def box(
        self, x: float, y: float, width: float, height: float, colour: str, *, opacity: float = 1, edge: str = ""
    ) -> None:
        stroke = f' stroke="{_paint(edge)}" stroke-width="0.8"' if edge else ""
        faint = f' fill-opacity="{short(opacity)}"' if opacity < 1 else ""
        self._parts.append(f'<rect {_at(x, y, width, height)} fill="{_paint(colour)}"{faint}{stroke}/>')

    def hatched(self, x: float, y: float, width: float, height: float, name: str) -> None:
        self._hatched = True
        look = f'fill="url(#{name}-hatch)" stroke="{_paint("muted")}" stroke-width="0.7"'
        self._parts.append(f"<rect {_at(x, y, width, height)} {look}/>")

    def line(self, x: float, y: float, to_x: float, to_y: float, colour: str, width: float = 1) -> None:
        ends = f'x1="{short(x)}" y1="{short(y)}" x2="{short(to_x)}" y2="{short(to_y)}"'
        self._parts.append(f'<line {ends} stroke="{_paint(colour)}" stroke-width="{short(width)}"/>')

    def label(self, x: float, middle: float, lines: Sequence[str], anchor: str, colour: str = "ink") -> None:
        """Draw lines of text around a middle."""
        baseline = middle - STEP * (len(lines) - 1) / 2 + TEXT * 0.35
        for number, line in enumerate(lines):
            where = f'x="{short(x)}" y="{short(baseline + STEP * number)}" text-anchor="{anchor}"'
            self._parts.append(f'<text {where} fill="{_paint(colour)}">{escape(line)}</text>')

    def legend(self, kinds: Sequence[str]) -> None:
        """Draw what each colour means, in as many lines as it takes."""
        x, y = 0.0, TEXT
        for number, kind in enumerate(kinds):
            wide = 16 + length(kind) + 14
            if x and x + wide > WIDTH:
                x, y = 0.0, y + TEXT * 1.6
            self.box(x, y - TEXT / 2, 11, 11, f"s{number + 1}")
            self.label(x + 16, y, [kind], "start")
            x += wide
        self.height = y + TEXT * 1.2

    def svg(self, name: str) -> str:
        lines = f'<line x1="0" y1="0" x2="0" y2="6" stroke="{_paint("muted")}"/>'
        size = 'width="6" height="6" patternUnits="userSpaceOnUse" patternTransform="rotate(45)"'
        hatch = f'<defs><pattern id="{name}-hatch" {size}>{lines}</pattern></defs>' if self._hatched else ""
        box = f'viewBox="0 0 {short(WIDTH)} {short(self.height)}" font-size="{short(TEXT)}"'
        return f'<svg {box} aria-hidden="true" focusable="false">{hatch}{"".join(self._parts)}</svg>'


def _at(x: float, y: float, width: float, height: float) -> str:
    return f'x="{short(x)}" y="{short(y)}" width="{short(width)}" height="{short(height)}"'


def short(number: float) -> str:
    return f"{number:.2f}".rstrip("0").rstrip(".") or "0"


def _paint(colour: str) -> str:
    return f"var(--{colour}, {_COLOURS[colour]})"


def length(text: str) -> float:
    return len(text) * TEXT * LETTER


def lines_of(text: str, width: int) -> list[str]:
    """Break the text into lines of about `width` characters, after spaces, underscores and hyphens."""
    lines = [""]
    for piece in _pieces(text, width):
        if lines[-1] and len(lines[-1]) + len(piece.rstrip()) > width:
            lines.append("")
        lines[-1] += piece
    return [line.strip() for line in lines]


def _pieces(text: str, width: int) -> Iterable[str]:
    """Yield the parts that are not broken, unless they are longer than a line."""
    for piece in re.findall(r"[^ _-]*[ _-]?", text):
        yield from (piece[start : start + width] for start in range(0, len(piece), width))
