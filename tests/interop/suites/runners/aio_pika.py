"""aio-pika: its whole suite, with robust connections whose brokers are stopped and killed."""

import tempfile
from pathlib import Path

from tests.interop.suites.container_engine import (
    Container,
    ContainerEngine,
    GivenBroker,
    OwnBroker,
)
from tests.interop.suites.trial import TOOLS, Trial, run_pytest

PACKAGE = "aio-pika==10.2.1"


def run(trial: Trial) -> None:
    source = trial.workshop.sdist(PACKAGE, without="aio_pika")
    python = trial.workshop.virtualenv(
        PACKAGE,
        *TOOLS,
        "pytest-cov",
        "aiomisc-pytest>=2,<3",
        "markdown-pytest>=0.6.6,<0.7",
        "shortuuid",
    )
    with tempfile.TemporaryDirectory(prefix="warrener-suite-") as folder:

        def make_container() -> Container:
            if not trial.is_warrener:
                return GivenBroker(trial.broker.port)
            return OwnBroker(Path(tempfile.mkdtemp(dir=folder)))

        with ContainerEngine(make_container) as engine:
            run_pytest(trial, python, source, "tests", environment={"DOCKER_HOST": engine.url})
