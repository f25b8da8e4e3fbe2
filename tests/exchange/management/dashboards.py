"""What dashboards read of /metrics: the entries of data/dashboard_metrics.txt, and those of a file.

`entries()` has each panel with the metrics that it reads. `read_by(expression)` finds the same in
PromQL, for those who have a dashboard itself at hand.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

TABLE = Path(__file__).parent / "data" / "dashboard_metrics.txt"
ANYTHING = "*"
METRIC = re.compile(r"\b(rabbitmq_\w+)\s*(\{[^}]*\})?")
LABEL = re.compile(r'(\w+)=("[^"]*"|\*)')
JOINED = re.compile(r"\b(?:on|by|ignoring|without|group_left|group_right)\s*\([^)]*\)")


@dataclass(frozen=True, slots=True)
class Reading:
    """A metric that a panel reads, by its name and by labels: a text, or any at all."""

    name: str
    labels: Mapping[str, str]

    def fits(self, name: str, labels: Mapping[str, str]) -> bool:
        """Whether a sample is among those that are read."""
        return self.name == name and all(
            key in labels and wanted in (ANYTHING, labels[key])
            for key, wanted in self.labels.items()
        )

    def __str__(self) -> str:
        said = ",".join(f'{key}="{text}"' for key, text in self.labels.items() if text != ANYTHING)
        return f"{self.name}{{{said}}}" if said else self.name


@dataclass(frozen=True, slots=True)
class Panel:
    dashboard: str
    title: str
    readings: tuple[Reading, ...]


def entries() -> Iterator[Panel]:
    dashboard, title = "", ""
    readings: list[Reading] = []
    for line in [*TABLE.read_text().splitlines(), "end"]:
        if line.startswith("    "):
            readings += read_by(line)
        elif line and not line.startswith("#"):
            if readings:
                yield Panel(dashboard, title, tuple(readings))
            dashboard = line.strip("[]") if line.startswith("[") else dashboard
            title, readings = line, []


def read_by(expression: str) -> Iterator[Reading]:
    """The metrics in an expression; what a variable of the dashboard fills in may be anything."""
    for name, braces in METRIC.findall(JOINED.sub("", expression)):
        yield Reading(name, {key: _wanted(text) for key, text in LABEL.findall(braces)})


def _wanted(text: str) -> str:
    return ANYTHING if text == ANYTHING or "$" in text else text.strip('"')
