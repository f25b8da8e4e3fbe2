"""py-amqp, the client below Celery: its tests against a live broker."""

from tests.interop.suites.trial import TOOLS, Trial, run_pytest

PACKAGE = "amqp==5.4.2"


def run(trial: Trial) -> None:
    source = trial.workshop.sdist(PACKAGE, without="amqp")
    python = trial.workshop.virtualenv(PACKAGE, *TOOLS)
    broker = trial.broker
    run_pytest(
        trial,
        python,
        source,
        "t/integration/test_rmq.py",
        environment={"RABBITMQ_HOST": broker.host, "RABBITMQ_5672_TCP": str(broker.port)},
    )
