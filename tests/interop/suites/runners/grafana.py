"""The dashboards of RabbitMQ for Grafana: a Prometheus scrapes the broker, and panels have data.

What: Debian's Prometheus scrapes /metrics every second while a client does all there is to do. Then
each panel in data/dashboard_metrics.txt is evaluated, with the join and the labels that the panels
have. Every metric must be one time series, named by node and cluster, that is above nought.

A dashboard itself is not ours to keep here. Where WARRENER_DASHBOARDS names a folder with files of
dashboards (10991 from grafana.com, say), every expression of every panel in them is evaluated, too,
with its own text, and must have a number as its result.
"""

import json
import math
import os
import subprocess
import tempfile
import time
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from tests.exchange.management.dashboards import Panel, Reading, entries
from tests.interop.running_broker import free_port
from tests.interop.suites.outcomes import record
from tests.interop.suites.traffic import traffic
from tests.interop.suites.trial import Trial
from tests.patience import PATIENCE_S

PACKAGE = "prometheus"
DASHBOARD = "RabbitMQ-Overview"
RABBITMQ_METRICS_PORT = 15692
READY_SECONDS_MAX = 20
TRAFFIC_SECONDS = 25
WINDOW = "15s"
COUNTED = ("_total", "_sum", "_count", "_bucket")
CONFIGURATION = """
global: {{scrape_interval: 1s}}
scrape_configs:
  - job_name: broker
    basic_auth: {{username: {user}, password: {password}}}
    static_configs: [{{targets: ["{target}"], labels: {{namespace: interop}}}}]
"""


class Prometheus:
    def __init__(self, port: int) -> None:
        self._port = port

    def query(self, expression: str) -> list[dict[str, Any]]:
        """The time series that an expression gives, as `{metric, value: [time, text]}`.

        Raises: AssertionError, with what Prometheus has against it.
        """
        body = urllib.parse.urlencode({"query": expression}).encode()
        status, said = self._ask("/api/v1/query", body)
        assert status == 200, said
        result = json.loads(said)["data"]["result"]
        return result if isinstance(result, list) else []

    def is_ready(self) -> bool:
        try:
            return self._ask("/-/ready")[0] == 200
        except OSError:
            return False

    def _ask(self, path: str, body: bytes | None = None) -> tuple[int, str]:
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self._port}{path}", body) as answer:
                return answer.status, answer.read().decode()
        except urllib.error.HTTPError as error:
            return error.code, error.read().decode()


@contextmanager
def scraping(trial: Trial) -> Iterator[Prometheus]:
    program = trial.workshop.debian_packages(PACKAGE) / "usr/bin/prometheus"
    port = free_port()
    with tempfile.TemporaryDirectory(prefix="warrener-prometheus-") as place:
        configuration = Path(place, "prometheus.yml")
        configuration.write_text(
            CONFIGURATION.format(
                user=json.dumps(trial.broker.user),
                password=json.dumps(trial.broker.password),
                target=metrics_at(trial),
            )
        )
        with trial.log.open("a") as log:
            process = subprocess.Popen(
                [
                    *(program, f"--config.file={configuration}"),
                    *(
                        f"--storage.tsdb.path={place}/data",
                        f"--web.listen-address=127.0.0.1:{port}",
                    ),
                ],
                stdout=log,
                stderr=log,
            )
        try:
            prometheus = Prometheus(port)
            deadline = time.monotonic() + READY_SECONDS_MAX
            while not prometheus.is_ready():
                assert time.monotonic() < deadline, "Prometheus is not ready"
                time.sleep(0.1)
            yield prometheus
        finally:
            process.kill()
            process.wait(PATIENCE_S)


def metrics_at(trial: Trial) -> str:
    if trial.is_warrener:
        return urlsplit(trial.broker.http_url).netloc
    return f"{trial.broker.host}:{RABBITMQ_METRICS_PORT}"


# What is asked


def expression_for(reading: Reading) -> str:
    """As panels have it: a counter by its rate, and joined with the node's identity."""
    chosen = str(reading)
    if reading.name.endswith(COUNTED):
        chosen = f"rate({chosen}[{WINDOW}])"
    if reading.name == "rabbitmq_identity_info":
        return chosen
    identity = 'rabbitmq_identity_info{namespace="interop",rabbitmq_endpoint="aggregated"}'
    joined = f"{chosen} * on(instance,job) group_left(rabbitmq_cluster,rabbitmq_node) {identity}"
    return f"sum({joined}) by(rabbitmq_cluster,rabbitmq_node)"


def check(prometheus: Prometheus, panel: Panel) -> None:
    for reading in panel.readings:
        expression = expression_for(reading)
        found = prometheus.query(expression)
        assert len(found) == 1, (expression, found)
        assert {"rabbitmq_cluster", "rabbitmq_node"} <= found[0]["metric"].keys(), found
        assert float(found[0]["value"][1]) > 0, (expression, found)


def panels_of(folder: Path) -> Iterator[tuple[str, str]]:
    """A name for each expression of the dashboards in a folder, and the expression."""

    def each(panels: list[dict[str, Any]]) -> Iterator[dict[str, Any]]:
        for panel in panels:
            yield panel
            yield from each(panel.get("panels", []))

    for file in sorted(folder.glob("*.json")):
        for panel in each(json.loads(file.read_text())["panels"]):
            asked = [each["expr"] for each in panel.get("targets") or [] if each.get("expr")]
            for number, expression in enumerate(asked):
                title = panel.get("title") or f"panel {panel.get('id')}"
                yield f"{file.stem}: {title} ({number})", expression


def fill_in(expression: str, cluster: str) -> str:
    """What Grafana puts in the place of its variables."""
    for name, text in (
        ("$__rate_interval", WINDOW),
        ("$__range", WINDOW),
        ("$rabbitmq_cluster", cluster),
        ("$namespace", "interop"),
        ("$endpoint", "aggregated"),
    ):
        expression = expression.replace(name, text)
    return expression


def check_expression(prometheus: Prometheus, expression: str) -> None:
    found = prometheus.query(expression)
    assert found, (expression, "no data")
    numbers = [float(each["value"][1]) for each in found]
    assert all(map(math.isfinite, numbers)), (expression, numbers)


# The trial


def run(trial: Trial) -> None:
    with traffic(trial.broker.url), scraping(trial) as prometheus:
        time.sleep(TRAFFIC_SECONDS)
        for panel in entries():
            if panel.dashboard == DASHBOARD:
                outcome(trial, f"{DASHBOARD}: {panel.title}", check, prometheus, panel)
        folder = os.environ.get("WARRENER_DASHBOARDS")
        if folder:
            (identity,) = prometheus.query("rabbitmq_identity_info")
            cluster = identity["metric"]["rabbitmq_cluster"]
            for name, expression in panels_of(Path(folder)):
                filled = fill_in(expression, cluster)
                outcome(trial, f"file {name}", check_expression, prometheus, filled)


def outcome(trial: Trial, name: str, check: Any, *arguments: Any) -> None:
    try:
        check(*arguments)
    except AssertionError as error:
        with trial.log.open("a") as log:
            log.write(f"{name}: {error}\n")
        record(trial.outcomes, "failed", name)
    else:
        record(trial.outcomes, "passed", name)
