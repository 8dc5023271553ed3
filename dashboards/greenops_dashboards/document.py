"""The text at the end of each board: its question, how its numbers are made, what invalid means, where help is."""

from __future__ import annotations

from collections.abc import Sequence

from greenops_alerting.rules import Links
from greenops_dashboards.panel import Panel, text


def document(question: str, computed: Sequence[str], absent: Sequence[str], *, height: int = 7) -> Panel:
    """*computed* and *absent* are sentences; the first says how, the second what an empty or grey place means."""
    return text(
        "document",
        f"**{question}**\n\n"
        + "".join(f"- {sentence}\n" for sentence in computed)
        + "\n**No data is not zero.** "
        + " ".join(absent)
        + f"\n\nThe runbooks (`{Links().runbooks}` in the project) say what to do when an alert fires.",
        title="How to read this board",
        height=height,
    )
