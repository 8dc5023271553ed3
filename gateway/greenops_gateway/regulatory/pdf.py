"""A report for people: PDF with embedded letters. The same report has the same bytes.

It holds no clock; only another version of reportlab or zlib may write it otherwise.

What a page cannot show (a letter that the font lacks) is an error, never a box. reportlab is imported here and in
``chart`` only; the extra ``reports`` brings it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from decimal import Decimal
from io import BytesIO
from pathlib import Path
from typing import Any, NamedTuple
from xml.sax.saxutils import escape

import reportlab
from reportlab.lib.colors import Color, white
from reportlab.lib.enums import TA_RIGHT
from reportlab.lib.pagesizes import A4
from reportlab.lib.styles import ParagraphStyle
from reportlab.lib.units import mm
from reportlab.pdfbase import pdfmetrics
from reportlab.pdfbase.ttfonts import TTFError, TTFont
from reportlab.pdfgen.canvas import Canvas
from reportlab.platypus import BaseDocTemplate, CondPageBreak, Flowable, Frame, KeepTogether, PageTemplate, Paragraph
from reportlab.platypus import Table as Grid

from greenops_core.errors import ConfigError
from greenops_gateway.regulatory.chart import BLUE, INK, MUTED, RULE, drawn
from greenops_gateway.regulatory.document import (
    BarChart,
    Cell,
    Document,
    Facts,
    LineChart,
    Notes,
    Part,
    Provenance,
    Table,
    shown,
)

MARGIN, FOOT = 18 * mm, 20 * mm
WIDTH = A4[0] - 2 * MARGIN
CARRIED = Path(reportlab.__file__).parent / "fonts"
TOGETHER = 14
"""Rows up to which a table is kept on one page."""
LEAST = 40 * mm
"""Room that the beginning of a longer one needs."""


class Font(NamedTuple):
    """Two TrueType files."""

    regular: Path = CARRIED / "Vera.ttf"
    bold: Path = CARRIED / "VeraBd.ttf"


class _Styles(NamedTuple):
    font: str
    bold: str
    title: ParagraphStyle
    subject: ParagraphStyle
    heading: ParagraphStyle
    body: ParagraphStyle
    cell: ParagraphStyle
    number: ParagraphStyle
    head: ParagraphStyle
    head_number: ParagraphStyle
    note: ParagraphStyle


def as_pdf(document: Document, font: Font | None = None) -> bytes:
    """*document* as PDF.

    Raises:
        ConfigError: *font* cannot be used, or lacks a letter that the report needs.
    """
    styles = _styles(font or Font(), document)
    _, pages = _built(document, styles, 0)
    content, _ = _built(document, styles, pages)
    return content


def _built(document: Document, styles: _Styles, pages: int) -> tuple[bytes, int]:
    """The file, in whose feet there are *pages*, and how many there are."""
    foot = f"{document.title}, {document.period}. Inputs {document.provenance.inputs[:16]}"

    def drawn_foot(canvas: Canvas, template: BaseDocTemplate) -> None:
        canvas.setFont(styles.font, 6.5)
        canvas.setFillColor(MUTED)
        canvas.drawString(MARGIN, FOOT - 22, foot)
        canvas.drawRightString(A4[0] - MARGIN, FOOT - 22, f"{template.page} / {pages}")
        canvas.setStrokeColor(RULE)
        canvas.line(MARGIN, FOOT - 12, A4[0] - MARGIN, FOOT - 12)

    file = BytesIO()
    template = BaseDocTemplate(
        file,
        pagesize=A4,
        title=document.title,
        subject=document.subject,
        creator=f"GreenOps {document.provenance.code}",
        lang="en",
        invariant=1,
        pageCompression=1,
    )
    frame = Frame(MARGIN, FOOT, WIDTH, A4[1] - FOOT - MARGIN, 0, 0, 0, 0)
    template.addPageTemplates([PageTemplate(frames=[frame], onPage=drawn_foot)])
    template.build(
        [
            *_titled(document, styles),
            *(flowable for part in document.parts for flowable in _part(part, styles)),
            *_origin(document.provenance, styles),
        ]
    )
    return file.getvalue(), template.page


def _styles(font: Font, document: Document) -> _Styles:
    """Raises ConfigError: *font* cannot be used, or lacks a letter of *document*."""
    regular, bold = (_registered(path, document) for path in font)

    def style(
        face: str,
        size: float,
        leading: float,
        *,
        before: float = 0,
        after: float = 0,
        colour: Color = INK,
        right: bool = False,
    ) -> ParagraphStyle:
        return ParagraphStyle(
            f"{face}-{size}-{before}-{right}",
            fontName=face,
            fontSize=size,
            leading=leading,
            spaceBefore=before,
            spaceAfter=after,
            textColor=colour,
            alignment=TA_RIGHT if right else 0,
            splitLongWords=True,
        )

    return _Styles(
        regular,
        bold,
        title=style(bold, 15, 19, after=3),
        subject=style(regular, 9, 13, after=6, colour=MUTED),
        heading=style(bold, 9.5, 13, before=13, after=4, colour=BLUE),
        body=style(regular, 8, 12, after=4),
        cell=style(regular, 7, 9.5),
        number=style(regular, 7, 9.5, right=True),
        head=style(bold, 6.8, 9, colour=MUTED),
        head_number=style(bold, 6.8, 9, colour=MUTED, right=True),
        note=style(regular, 7, 10, before=3, after=2, colour=MUTED),
    )


def _registered(path: Path, document: Document) -> str:
    """The name of the font in *path*. Raises ConfigError: as ``_styles``."""
    try:
        font = TTFont(f"greenops-{path.stem}", str(path))
    except (TTFError, OSError) as error:
        raise ConfigError(
            f"{path} is no TrueType font that can be embedded: {error}; give another with --font"
        ) from None
    for text in _texts(document):
        for letter in text:
            if ord(letter) not in font.face.charToGlyph and not letter.isspace():
                raise ConfigError(
                    f"the font has no '{letter}', which stands in '{text[:60]}'; give one that has with --font, such "
                    "as /usr/share/fonts/truetype/dejavu/DejaVuSans.ttf"
                )
    pdfmetrics.registerFont(font)
    return str(font.fontName)


def _texts(value: object) -> Iterator[str]:
    """Every text in *value*."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, tuple):
        for each in value:
            yield from _texts(each)


def marked(text: str) -> str:
    """*text* as a paragraph's markup, with lowered and raised digits.

    >>> marked("CO2e < 3 g/Nm3"), marked("N2O")
    ('CO<sub>2</sub>e &lt; 3 g/Nm<super>3</super>', 'N<sub>2</sub>O')
    """
    low = re.sub(r"\b(CO|SO|NO|CH|SF|NF|N|O|H)([23468])(?=e?\b|O\b)", r"\1<sub>\2</sub>", escape(text))
    return re.sub(r"\b(N?m)3\b", r"\1<super>3</super>", low)


def _paragraph(text: str, style: ParagraphStyle) -> Paragraph:
    return Paragraph(marked(text), style)


def _titled(document: Document, styles: _Styles) -> list[Flowable]:
    return [
        _paragraph(document.title, styles.title),
        _paragraph(f"{document.subject}. Period {document.period}.", styles.subject),
    ]


def _part(part: Part, styles: _Styles) -> list[Flowable]:
    heading = _paragraph(part.title, styles.heading)
    match part:
        case Facts():
            return [KeepTogether([heading, _facts(part, styles)])]
        case Table() if not part.rows:
            return [KeepTogether([heading, _paragraph(part.empty, styles.body)])]
        case Table():
            content = [heading, _table(part, styles), *_note(part.note, styles)]
            return [KeepTogether(content)] if len(part.rows) <= TOGETHER else [CondPageBreak(LEAST), *content]
        case LineChart() | BarChart():
            return [KeepTogether([heading, drawn(part, styles.font, WIDTH), *_note(part.note, styles)])]
        case Notes():
            first, *others = [_paragraph(paragraph, styles.body) for paragraph in part.paragraphs]
            return [KeepTogether([heading, first]), *others]


def _note(text: str, styles: _Styles) -> Iterator[Flowable]:
    if text:
        yield _paragraph(text, styles.note)


def _facts(part: Facts, styles: _Styles) -> Grid:
    rows = [
        [_paragraph(fact.title, styles.cell), _paragraph(f"{shown(fact.value)} {fact.unit}".strip(), styles.cell)]
        for fact in part.facts
    ]
    grid = Grid(rows, colWidths=[WIDTH * 0.42, WIDTH * 0.58], hAlign="LEFT")
    grid.setStyle([*_RULED, ("TEXTCOLOR", (0, 0), (0, -1), MUTED)])
    return grid


_RULED: list[tuple[Any, ...]] = [
    ("VALIGN", (0, 0), (-1, -1), "TOP"),
    ("LINEBELOW", (0, 0), (-1, -1), 0.3, RULE),
    ("TOPPADDING", (0, 0), (-1, -1), 2.5),
    ("BOTTOMPADDING", (0, 0), (-1, -1), 3),
    ("LEFTPADDING", (0, 0), (-1, -1), 3),
    ("RIGHTPADDING", (0, 0), (-1, -1), 3),
]


def _table(part: Table, styles: _Styles) -> Grid:
    numeric = [_is_numeric(row[at] for row in part.rows) for at in range(len(part.columns))]
    head = [
        _paragraph(f"{column.title}, {column.unit}" if column.unit else column.title, _pick(styles, right, head=True))
        for column, right in zip(part.columns, numeric, strict=True)
    ]
    rows = [
        [_paragraph(shown(cell), _pick(styles, right)) for cell, right in zip(row, numeric, strict=True)]
        for row in part.rows
    ]
    whole = max(100, sum(column.width for column in part.columns))
    grid = Grid(
        [head, *rows], colWidths=[WIDTH * column.width / whole for column in part.columns], repeatRows=1, hAlign="LEFT"
    )
    style = [*_RULED, ("LINEBELOW", (0, 0), (-1, 0), 0.8, MUTED), ("VALIGN", (0, 0), (-1, 0), "BOTTOM")]
    if part.totals:
        style.append(("LINEABOVE", (0, -part.totals), (-1, -part.totals), 0.8, MUTED))
    grid.setStyle([*style, ("BACKGROUND", (0, 0), (-1, -1), white)])
    return grid


def _is_numeric(cells: Iterator[Cell]) -> bool:
    known = [cell for cell in cells if cell is not None and cell != ""]
    return bool(known) and all(isinstance(cell, int | Decimal) for cell in known)


def _pick(styles: _Styles, right: bool, *, head: bool = False) -> ParagraphStyle:  # noqa: FBT001  # of a column
    if head:
        return styles.head_number if right else styles.head
    return styles.number if right else styles.cell


def _origin(provenance: Provenance, styles: _Styles) -> list[Flowable]:
    facts = [
        ("SHA-256 of the inputs", provenance.inputs),
        ("SHA-256 of the configuration", provenance.configuration),
        ("Computed by", f"GreenOps {provenance.code}"),
        *([("Made on", provenance.made)] if provenance.made else []),
    ]
    rows = [[_paragraph(name, styles.cell), _paragraph(text, styles.cell)] for name, text in facts]
    grid = Grid(rows, colWidths=[WIDTH * 0.28, WIDTH * 0.72], hAlign="LEFT", style=_RULED)
    told = "Whoever has the same inputs, configuration and version gets this report again."
    return [KeepTogether([_paragraph("Where this comes from", styles.heading), grid, *_note(told, styles)])]
