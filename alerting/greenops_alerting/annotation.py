"""Text of an alert: a Go template for Prometheus, and beside it an example of what it becomes.

``$labels`` knows the labels of the expression only, not those that the rule adds; numbers of the rule are written out.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from greenops_alerting.promql import Series

EXAMPLES: Mapping[str, str] = {
    "averaging": "1h",
    "collector": "memory",
    "department": "research",
    "device": "analyser1",
    "host": "pc-17",
    "instance": "127.0.0.1:9842",
    "integration": "webhook",
    "job": "gateway",
    "parameter": "nox",
    "period": "month",
    "point": "nox",
    "program": "greenops-gateway",
    "protocol": "modbus",
    "rule_group": "greenops-emissions",
    "sink": "central",
    "site": "plant1",
    "stack": "stack1",
    "threshold": "90",
    "zone": "DE",
}
"""What a label may look like, for previews."""


@dataclass(frozen=True, slots=True)
class Text:
    """*template* for Prometheus, an *example* of its outcome, the labels it reads and the queries it asks."""

    template: str
    example: str
    labels: tuple[str, ...] = ()
    queries: tuple[str, ...] = ()


def text(*parts: str | Text) -> Text:
    """Pieces put together.

    >>> text("Host ", label("host"), " is silent.").template
    'Host {{ $labels.host }} is silent.'
    """
    pieces = [Text(part, part) if isinstance(part, str) else part for part in parts]
    return Text(
        "".join(piece.template for piece in pieces),
        "".join(piece.example for piece in pieces),
        tuple(name for piece in pieces for name in piece.labels),
        tuple(query for piece in pieces for query in piece.queries),
    )


def label(name: str) -> Text:
    """The value of a label of the alert's expression."""
    return Text(f"{{{{ $labels.{name} }}}}", EXAMPLES[name], (name,))


def value(form: str, example: str) -> Text:
    """The value of the alert's expression, put through *form*.

    >>> value("humanizePercentage", "93 %").template
    '{{ $value | humanizePercentage }}'
    """
    return Text(f"{{{{ $value | {form} }}}}", example)


def mine(series: Series, window: str = "") -> str:
    """In a question: *series* with the alert's own identity."""
    return f"{series.name}%[1]s" + (f"[{window}]" if window else "")


def ask(question: str, form: str, example: str, otherwise: str | Text = "unknown") -> Text:
    """What Prometheus answers to *question* about the alert's identity, by *form*; *otherwise* where it knows nothing.

    In *form* the answer's first sample is the dot: ``{{ .Value }}``, ``{{ .Labels.unit }}``.

    >>> from greenops_alerting.promql import UP
    >>> print(ask(mine(UP), "{{ .Value }}", "7").template)
    {{
      with query (printf `up%[1]s` $me)
    }}{{ with first . }}{{ .Value }}{{ end }}{{ else }}unknown{{ end }}
    """
    other = text(otherwise)
    return Text(
        f"{{{{\n  with query (printf `{question}` $me)\n}}}}"
        f"{{{{ with first . }}}}{form}{{{{ end }}}}{{{{ else }}}}{other.template}{{{{ end }}}}",
        example,
        other.labels,
        (question.replace("%[1]s", ""), *other.queries),
    )


def template(content: Text, identity: Sequence[str]) -> str:
    """*content* as Prometheus expands it; what it asks is asked about *identity*.

    >>> template(label("host"), ("host",))
    '{{ $labels.host }}'
    """
    if not content.queries:
        return content.template
    names = ",".join(f"{name}=%q" for name in identity)
    values = " ".join(f"$labels.{name}" for name in identity)
    return f'{{{{ $me := printf "{{{names}}}" {values} -}}}}\n{content.template}'


NUMBER_WITH_UNIT = '{{ .Value | printf "%.5g" }} {{ .Labels.unit }}'
PERCENT = "{{ .Value | humanizePercentage }}"
TIME = "{{ .Value | humanizeTimestamp }}"
