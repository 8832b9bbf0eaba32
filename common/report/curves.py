"""Line charts as inline SVG that follows the page's colours, light or dark."""

from __future__ import annotations

import io
import math
import re
from dataclasses import dataclass
from typing import Any

import matplotlib
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from common.errors import DataError

# Drawn in these stand-in colours, which are then replaced by the page's CSS variables.
INK, GRID = "#010101", "#020202"
N_COLOURS = 6
SERIES = tuple(f"#03030{index}" for index in range(N_COLOURS))
DASHES: tuple[tuple[float, ...], ...] = ((), (5, 2), (1.5, 1.5), (6, 2, 1.5, 2))
MAX_POINTS = 400
SIZE_INCHES = (5.0, 2.8)
STYLE: dict[Any, Any] = {
    "svg.fonttype": "none",
    "svg.hashsalt": "report",
    "text.parse_math": False,
    "font.family": "sans-serif",
    "font.size": 10.5,
    "text.color": INK,
    "axes.labelcolor": INK,
    "axes.edgecolor": GRID,
    "xtick.color": GRID,
    "ytick.color": GRID,
    "xtick.labelcolor": INK,
    "ytick.labelcolor": INK,
    "grid.color": GRID,
}


@dataclass(frozen=True)
class Curve:
    """One chart; ``lines`` maps a line's name to its x and y values, finite and of equal length.

    Raises:
        DataError: no line, or a line that is empty, ragged or not finite.
    """

    title: str
    x_label: str
    y_label: str
    lines: dict[str, tuple[list[float], list[float]]]

    def __post_init__(self) -> None:
        if not self.lines:
            raise DataError(f"curve {self.title!r} has no line; leave it out")
        for name, (xs, ys) in self.lines.items():
            if not xs or len(xs) != len(ys) or not all(math.isfinite(value) for value in (*xs, *ys)):
                raise DataError(
                    f"curve {self.title!r}: line {name!r} is empty, ragged or not finite; correct or drop it"
                )

    def summary(self) -> str:
        """The chart in one sentence, for those who cannot see it."""
        ends = [
            f"{name} from {ys[0]:.4g} to {ys[-1]:.4g} (lowest {min(ys):.4g}, highest {max(ys):.4g})"
            for name, (_, ys) in self.lines.items()
        ]
        return f"{self.title}, {self.y_label} against {self.x_label}: {'; '.join(ends)}."


@dataclass(frozen=True)
class LineStyle:
    """How one line is drawn: the number of its colour and its dashes in points (none: solid)."""

    name: str
    colour: int
    dashes: tuple[float, ...]


def line_styles(curve: Curve) -> list[LineStyle]:
    """Colour and dash of each line; both vary, so that colour alone never tells two lines apart."""
    return [LineStyle(name, index % N_COLOURS, DASHES[index % len(DASHES)]) for index, name in enumerate(curve.lines)]


def curve_svg(curve: Curve, prefix: str) -> str:
    """The chart as an ``<svg>`` element for an HTML page; ``prefix`` keeps its ids apart from other charts'.

    Colours are ``var(--ink-soft)``, ``var(--line)`` and ``var(--series-0)`` to ``var(--series-5)`` of the page.
    """
    with matplotlib.rc_context(STYLE):
        figure = Figure(figsize=SIZE_INCHES, layout="constrained")
        axes = figure.add_subplot()
        for (xs, ys), style in zip(curve.lines.values(), line_styles(curve), strict=True):
            x, y = thin(xs), thin(ys)
            axes.plot(
                x,
                y,
                color=SERIES[style.colour],
                linewidth=1.6,
                linestyle=(0, style.dashes) if style.dashes else "solid",
                marker="o" if len(x) <= 20 else None,
                markersize=3,
            )
        if all(float(x).is_integer() for xs, _ in curve.lines.values() for x in xs):
            axes.xaxis.set_major_locator(MaxNLocator(integer=True))
        axes.set_xlabel(curve.x_label)
        axes.set_ylabel(curve.y_label)
        axes.grid(linewidth=0.6)
        axes.spines[["top", "right"]].set_visible(False)
        axes.margins(x=0.02)
        buffer = io.StringIO()
        unstamped = {"Date": None, "Creator": None, "Format": None, "Type": None}
        figure.savefig(buffer, format="svg", transparent=True, metadata=unstamped)
    return _for_page(buffer.getvalue(), prefix)


def thin(values: list[float]) -> list[float]:
    """At most :data:`MAX_POINTS` values: each is the mean of as many neighbours as needed."""
    width = -(-len(values) // MAX_POINTS)
    groups = [values[start : start + width] for start in range(0, len(values), width)]
    return [sum(group) / len(group) for group in groups]


def _for_page(svg: str, prefix: str) -> str:
    """Drop what belongs to a separate file and let the page's style sheet decide the colours."""
    svg = svg[svg.index("<svg") :].strip()
    svg = re.sub(r"<metadata>.*?</metadata>|<style.*?</style>|<!--.*?-->", "", svg, flags=re.DOTALL)
    svg = re.sub(r' (xmlns(:xlink)?|version)="[^"]*"', "", svg)
    svg = re.sub(r'(<svg[^>]*?) width="[^"]*"', r"\1", svg, count=1)
    svg = re.sub(r'(<svg[^>]*?) height="[^"]*"', r'\1 aria-hidden="true"', svg, count=1)
    svg = re.sub(r"font-family: [^;]*;", "font-family: inherit;", svg)
    svg = re.sub(r'(\bid="|url\(#|href="#)', rf"\g<1>{prefix}-", svg)
    variables = {INK: "--ink-soft", GRID: "--line"} | {colour: f"--series-{i}" for i, colour in enumerate(SERIES)}
    return re.sub("|".join(variables), lambda match: f"var({variables[match[0]]})", svg)
