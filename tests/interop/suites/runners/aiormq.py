"""aiormq, the client below aio-pika: its whole suite over plain TCP."""

from tests.interop.suites.trial import TOOLS, Trial, run_pytest

PACKAGE = "aiormq==7.2.4"


def run(trial: Trial) -> None:
    source = trial.workshop.sdist(PACKAGE, without="aiormq")
    python = trial.workshop.virtualenv(
        PACKAGE,
        *TOOLS,
        "pytest-cov",
        "aiomisc-pytest>=2,<3",
        "markdown-pytest>=0.6.6,<0.7",
    )
    broker = trial.broker
    # This client takes the part behind the first slash as it stands for the virtual host.
    url = f"amqp://{broker.user}:{broker.password}@{broker.host}:{broker.port}/{broker.vhost}"
    run_pytest(
        trial,
        python,
        source,
        "tests",
        plugins=("aiormq_broker",),
        environment={"SUITE_BROKER_URL": url},
    )
