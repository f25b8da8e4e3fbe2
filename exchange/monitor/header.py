"""The header: who this is, what is wrong with it, how full it is, and what flows."""

from __future__ import annotations

from rich.text import Text

from warrener.exchange.monitor.picture import Picture
from warrener.exchange.monitor.printing import count, printable, rate, size, span
from warrener.exchange.monitor.snapshot import TOTALS, BrokerState, Gauge
from warrener.exchange.monitor.sparkline import sparkline
from warrener.exchange.monitor.views import VIEWS

BAR_WIDTH = 10
ALARMING = 0.9
"""The part of a limit from which on a bar is red."""
MIDDLING = 90
"""From which width on there is room for whole words."""
NAME_WIDTH, RATE_WIDTH, SPARK_WIDTH_MAX = 6, 5, 60
FLOWS = {
    "in": "in",
    "out": "out",
    "ack": "ack",
    "confirm": "conf",
    "redeliver": "redel",
    "unroutable": "lost",
    "returned": "return",
    "filtered": "filter",
}
"""Rates by the name that they have here."""
SHORT_NAMES = {
    "connections": "conns",
    "channels": "chans",
    "exchanges": "exchs",
    "consumers": "cons",
}


def header(picture: Picture) -> list[Text]:
    """The lines above the table."""
    broker = picture.snapshot.broker
    lines = [title(picture, broker)]
    if picture.problem:
        lines.append(banner(picture.problem))
    if broker.alarms:
        alarms = " and ".join(f"{each} alarm" for each in broker.alarms)
        lines.append(banner(f"{alarms}: {_blocked(picture)}"))
    return [*lines, gauges(broker), *flows(picture), totals(picture), tabs(picture)]


def _blocked(picture: Picture) -> str:
    count = picture.snapshot.blocked
    if count is None:
        return "publishers are blocked"
    return "1 connection is blocked" if count == 1 else f"{count} connections are blocked"


def banner(what: str) -> Text:
    return Text(f" {printable(what)} ", style="bold white on red")


def title(picture: Picture, broker: BrokerState) -> Text:
    state = picture.state
    line = Text()
    line.append(f"{printable(broker.product)} {printable(broker.version)}", style="bold")
    line.append(f"  {printable(broker.node)}")
    if broker.uptime_s is not None:
        line.append(f"  up {span(broker.uptime_s)}")
    condition, style = _condition(picture, broker)
    line.append("  ")
    line.append(condition, style=style)
    line.append(f"  every {state.interval_s:g} s", style="dim")
    if state.is_paused:
        line.append("  PAUSED", style="bold yellow")
    if state.read_only:
        line.append("  read-only", style="dim")
    return line


def _condition(picture: Picture, broker: BrokerState) -> tuple[str, str]:
    if picture.problem:
        return "unreachable", "bold red"
    return ("alarm", "bold red") if broker.alarms else ("running", "green")


def gauges(broker: BrokerState) -> Text:
    """Memory, disk and files; what the user may not see is not there."""
    line = Text()
    if broker.memory:
        line.append_text(_used("mem", broker.memory))
    if broker.disk:
        style = "bold red" if broker.disk.alarm else ""
        line.append("  disk ", style="dim")
        line.append(f"{size(broker.disk.value)} free", style=style)
        line.append(f", {size(broker.disk.limit)} needed", style="dim")
    if broker.files:
        line.append("  files ", style="dim")
        line.append(f"{count(broker.files.value)}/{count(broker.files.limit)}")
    return line


def _used(name: str, gauge: Gauge) -> Text:
    part = min(1.0, gauge.value / gauge.limit) if gauge.limit else 0.0
    full = round(part * BAR_WIDTH)
    style = "red" if gauge.alarm or part >= ALARMING else "green"
    line = Text(f"{name} ", style="dim")
    line.append("█" * full, style=style)
    line.append("░" * (BAR_WIDTH - full), style="dim")
    line.append(f" {size(gauge.value)}/{size(gauge.limit)}", style="")
    return line


def flows(picture: Picture) -> list[Text]:
    """Rates with their last minute, in two lines."""
    per_line = len(FLOWS) // 2
    cell = (picture.width - 2 * (per_line - 1)) // per_line
    spark = min(SPARK_WIDTH_MAX, cell - NAME_WIDTH - RATE_WIDTH - 1)
    cells = [_flow(picture, name, spark) for name in FLOWS]
    starts = range(0, len(cells), per_line)
    return [Text("  ").join(cells[at : at + per_line]) for at in starts]


def _flow(picture: Picture, name: str, spark: int) -> Text:
    value = picture.snapshot.broker.rates.get(name, 0.0)
    is_bad = name == "unroutable" and value > 0
    cell = Text(f"{FLOWS[name]:<{NAME_WIDTH}}", style="dim")
    cell.append(f"{rate(value):>{RATE_WIDTH}}", "not dim bold red" if is_bad else "not dim bold")
    cell.append(" ")
    cell.append(sparkline(picture.history.rate(name), spark), style="not dim cyan")
    return cell


def totals(picture: Picture) -> Text:
    broker = picture.snapshot.broker
    line = Text()
    for name in TOTALS:
        line.append(count(broker.totals.get(name, 0)), style="bold")
        line.append(f" {_named(name, picture.width)}  ", style="dim")
    line.append(count(broker.ready), style="bold")
    line.append(" ready  ", style="dim")
    line.append(count(broker.unacked), style="bold")
    line.append(" unacked", style="dim")
    return line


def _named(name: str, width: int) -> str:
    return name if width >= MIDDLING else SHORT_NAMES.get(name, name)


def tabs(picture: Picture) -> Text:
    """The views, and what the table is narrowed to."""
    state = picture.state
    line = Text()
    for number, name in enumerate(VIEWS, 1):
        style = "bold reverse" if name == state.view else "dim"
        line.append(f" {number} {_named(name, picture.width)} ", style=style)
    if state.vhost:
        line.append(f" vhost {printable(state.vhost)}", style="yellow")
    if state.filter:
        line.append(f" /{printable(state.filter)}", style="yellow")
    return line
