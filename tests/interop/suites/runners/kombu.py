"""kombu, the messaging layer of Celery: its integration tests for the transport over py-amqp."""

from tests.interop.suites.trial import TOOLS, Trial, run_pytest

PACKAGE = "kombu==5.7.0"


def run(trial: Trial) -> None:
    source = trial.workshop.sdist(PACKAGE, without="kombu")
    python = trial.workshop.virtualenv(PACKAGE, *TOOLS)
    broker = trial.broker
    run_pytest(
        trial,
        python,
        source,
        "t/integration/test_py_amqp.py",
        environment={"RABBITMQ_HOST": broker.host, "RABBITMQ_5672_TCP": str(broker.port)},
    )
