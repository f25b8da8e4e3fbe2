"""The Prometheus text format: metrics, one after the other, each with all its samples.

    # TYPE rabbitmq_queue_messages_ready gauge
    # HELP rabbitmq_queue_messages_ready Messages that wait
    rabbitmq_queue_messages_ready{vhost="/",queue="orders"} 12

Labels are text that is made once for a thing and used for all its metrics. Bounds of histograms
are handed in as text, because dashboards compare them as text.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from warrener.exchange.statistics.histogram import Histogram

CONTENT_TYPE = ("Content-Type", "text/plain; version=0.0.4; charset=utf-8")
GAUGE = "gauge"
COUNTER = "counter"
HISTOGRAM = "histogram"
_ESCAPED = str.maketrans({"\\": "\\\\", '"': '\\"', "\n": "\\n"})

Number = int | float


@dataclass(frozen=True, slots=True)
class Metric:
    """What is measured; a counter's name ends in `_total`."""

    name: str
    kind: str
    meaning: str

    def head(self) -> str:
        return f"# TYPE {self.name} {self.kind}\n# HELP {self.name} {self.meaning}\n"

    def sample(self, value: Number, labels: str = "") -> str:
        return f"{self.name}{labels} {value}\n"


def labels(**values: str) -> str:
    """Labels in braces, in the order given."""
    pairs = [f'{name}="{value.translate(_ESCAPED)}"' for name, value in values.items()]
    return f"{{{','.join(pairs)}}}" if pairs else ""


def single(name: str, kind: str, meaning: str, value: Number, **of: str) -> str:
    """A metric with one sample."""
    metric = Metric(name, kind, meaning)
    return metric.head() + metric.sample(value, labels(**of))


def histogram(name: str, meaning: str, measured: Histogram, bounds: Sequence[str]) -> str:
    """A metric with a bucket for each bound and one for all."""
    lines = [Metric(name, HISTOGRAM, meaning).head()]
    seen = 0
    for bound, count in zip((*bounds, "+Inf"), measured.counts, strict=True):
        seen += count
        lines.append(f'{name}_bucket{{le="{bound}"}} {seen}\n')
    lines.append(f"{name}_sum {measured.sum}\n{name}_count {seen}\n")
    return "".join(lines)
