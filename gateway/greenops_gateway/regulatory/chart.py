"""Charts as drawings for a page: curves over time and bars by name, plain enough for a black and white printer."""

from __future__ import annotations

import math
from collections.abc import Sequence
from decimal import Decimal
from typing import Literal, NamedTuple

from reportlab.graphics.shapes import Drawing, PolyLine, Rect, String
from reportlab.graphics.shapes import Line as Stroke
from reportlab.lib.colors import Color, HexColor
from reportlab.pdfbase.pdfmetrics import stringWidth

from greenops_gateway.regulatory.document import BarChart, LineChart

SMALL = 7.0
INK, MUTED, RULE = HexColor("#1c2733"), HexColor("#5b6770"), HexColor("#d5dade")
BLUE, RED = HexColor("#1f5f8b"), HexColor("#b3261e")
COLOURS = (BLUE, HexColor("#c77700"), HexColor("#3b7d3e"), HexColor("#7a4b94"))
DASHES: Sequence[Sequence[float]] = ((1, 0), (5, 2), (1.5, 1.5), (6, 2, 1.5, 2))
LINE_HEIGHT, ROW = 135.0, 15.0
APART = 14.0


class _Plot(NamedTuple):
    """The rectangle that curves lie in, and the values at its bottom and top."""

    left: float
    bottom: float
    right: float
    top: float
    low: float
    high: float

    def y(self, value: float) -> float:
        return self.bottom + (value - self.low) / (self.high - self.low) * (self.top - self.bottom)

    def x(self, index: int, count: int) -> float:
        return self.left + (self.right - self.left) * (index / (count - 1) if count > 1 else 0.5)


def drawn(chart: LineChart | BarChart, font: str, width: float) -> Drawing:
    """*chart* with letters of *font*, *width* points wide."""
    return _lines(chart, font, width) if isinstance(chart, LineChart) else _bars(chart, font, width)


def steps(low: float, high: float, most: int = 6) -> list[float]:
    """Round values from at most *low* to at least *high*, about *most* of them.

    >>> steps(0, 0.21)
    [0.0, 0.05, 0.1, 0.15, 0.2, 0.25]
    """
    if high <= low:
        high = low + 1
    rough = (high - low) / (most - 1)
    power = 10.0 ** math.floor(math.log10(rough))
    step = next(factor * power for factor in (1, 2, 2.5, 5, 10) if factor * power >= rough * 0.999)
    first, last = math.floor(low / step + 1e-9), math.ceil(high / step - 1e-9)
    return [round(number * step, 12) for number in range(first, last + 1)]


def _lines(chart: LineChart, font: str, width: float) -> Drawing:
    drawing = Drawing(width, LINE_HEIGHT)
    known = [float(value) for line in chart.lines for value in line.values if value is not None]
    reach = [*known, *([float(chart.limit)] if chart.limit is not None else [])] or [0.0]
    marks = steps(min(0.0, *reach), max(reach))
    plot = _Plot(_margin(marks, font), 18, width - 6, LINE_HEIGHT - 20, marks[0], marks[-1])
    _axes(drawing, plot, marks, chart, font)
    count = len(chart.labels)
    for number, line in enumerate(chart.lines):
        for run in _unbroken(line.values):
            points = [coordinate for at, value in run for coordinate in (plot.x(at, count), plot.y(float(value)))]
            if len(run) == 1:
                points += [points[0] + 0.8, points[1]]
            curve = PolyLine(points, strokeColor=COLOURS[number % 4], strokeWidth=1, fillColor=None)
            curve.strokeDashArray = DASHES[number % 4]
            curve.strokeLineJoin = 1
            drawing.add(curve)
    if chart.limit is not None:
        height = plot.y(float(chart.limit))
        drawing.add(Stroke(plot.left, height, plot.right, height, strokeColor=RED, strokeWidth=0.9))
    _legend(drawing, chart, font)
    return drawing


def _axes(drawing: Drawing, plot: _Plot, marks: list[float], chart: LineChart, font: str) -> None:
    places = max(0, *(len(f"{mark:.10f}".rstrip("0").partition(".")[2]) for mark in marks))
    for mark in marks:
        height = plot.y(mark)
        drawing.add(Stroke(plot.left, height, plot.right, height, strokeColor=RULE, strokeWidth=0.4))
        drawing.add(_text(plot.left - 4, height - 2.5, _grouped(mark, places), font, MUTED, anchor="end"))
    count = len(chart.labels)
    widest = max((stringWidth(label, font, SMALL) for label in chart.labels), default=0.0)
    every = max(1, math.ceil(count * (widest + APART) / (plot.right - plot.left)))
    for at in range(0, count, every):
        where = plot.x(at, count)
        drawing.add(Stroke(where, plot.bottom, where, plot.bottom - 3, strokeColor=MUTED, strokeWidth=0.4))
        half = stringWidth(chart.labels[at], font, SMALL) / 2
        drawing.add(_text(min(max(where, half), plot.right - half), plot.bottom - 12, chart.labels[at], font, MUTED))
    drawing.add(Stroke(plot.left, plot.bottom, plot.right, plot.bottom, strokeColor=MUTED, strokeWidth=0.6))


def _legend(drawing: Drawing, chart: LineChart, font: str) -> None:
    at, height = 0.0, LINE_HEIGHT - 9
    drawing.add(_text(at, height, chart.unit, font, MUTED, anchor="start"))
    at += stringWidth(chart.unit, font, SMALL) + 16
    for number, line in enumerate(chart.lines):
        stroke = Stroke(at, height + 2.5, at + 16, height + 2.5, strokeColor=COLOURS[number % 4], strokeWidth=1.4)
        stroke.strokeDashArray = DASHES[number % 4]
        drawing.add(stroke)
        drawing.add(_text(at + 20, height, line.name, font, INK, anchor="start"))
        at += 36 + stringWidth(line.name, font, SMALL)
    if chart.limit is not None:
        drawing.add(Stroke(at, height + 2.5, at + 16, height + 2.5, strokeColor=RED, strokeWidth=0.9))
        drawing.add(_text(at + 20, height, f"{chart.limit_name} {chart.limit:f}", font, RED, anchor="start"))


def _bars(chart: BarChart, font: str, width: float) -> Drawing:
    drawing = Drawing(width, ROW * len(chart.bars) + 4)
    left = max((stringWidth(name, font, SMALL) for name, _ in chart.bars), default=0.0) + 8
    shown = [_grouped(float(value), _places(value)) + f" {chart.unit}" for _, value in chart.bars]
    room = width - left - max((stringWidth(text, font, SMALL) for text in shown), default=0.0) - 8
    low = min(0.0, *(float(value) for _, value in chart.bars), 0.0)
    high = max(0.0, *(float(value) for _, value in chart.bars), 0.0)
    scale = room / ((high - low) or 1.0)
    zero = left - low * scale
    for number, ((name, value), text) in enumerate(zip(chart.bars, shown, strict=True)):
        bottom = drawing.height - ROW * (number + 1)
        length = float(value) * scale
        drawing.add(_text(left - 6, bottom + 4, name, font, INK, anchor="end"))
        bar = Rect(min(zero, zero + length), bottom + 2, abs(length), ROW - 5)
        bar.fillColor, bar.strokeColor = BLUE, None
        drawing.add(bar)
        drawing.add(_text(max(zero, zero + length) + 4, bottom + 4, text, font, INK, anchor="start"))
    drawing.add(Stroke(zero, 0, zero, drawing.height, strokeColor=MUTED, strokeWidth=0.6))
    return drawing


def _unbroken(values: tuple[Decimal | None, ...]) -> list[list[tuple[int, Decimal]]]:
    """What is known without a break, with its index."""
    runs: list[list[tuple[int, Decimal]]] = [[]]
    for at, value in enumerate(values):
        if value is not None:
            runs[-1].append((at, value))
        elif runs[-1]:
            runs.append([])
    return [run for run in runs if run]


def _margin(marks: list[float], font: str) -> float:
    places = max(len(f"{mark:.10f}".rstrip("0").partition(".")[2]) for mark in marks)
    return max(stringWidth(_grouped(mark, places), font, SMALL) for mark in marks) + 8


def _grouped(value: float, places: int) -> str:
    return f"{value:,.{places}f}".replace(",", "\N{NO-BREAK SPACE}")


def _places(value: Decimal) -> int:
    exponent = value.as_tuple().exponent
    return max(0, -exponent) if isinstance(exponent, int) else 0


def _text(
    x: float, y: float, text: str, font: str, colour: Color, *, anchor: Literal["start", "middle", "end"] = "middle"
) -> String:
    letters = String(x, y, text, fontName=font, fontSize=SMALL, textAnchor=anchor)
    letters.fillColor = colour
    return letters
