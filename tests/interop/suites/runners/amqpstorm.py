"""AMQPStorm: its functional tests, except those that need TLS or the management API."""

from tests.interop.suites.trial import TOOLS, Trial, run_pytest

VERSION = "3.1.4"
FOLDER = "amqpstorm/tests/functional"
NEED_MORE_THAN_AMQP = ("ssl", "management", "test_web_based.py")


def run(trial: Trial) -> None:
    # The tests are part of the package, so it is imported from its source.
    source = trial.workshop.sdist(f"amqpstorm=={VERSION}")
    # It has no configuration for pytest, which would look for one in the folders above.
    (source / "pytest.ini").touch()
    python = trial.workshop.virtualenv(f"amqpstorm[management]=={VERSION}", "requests", *TOOLS)
    broker = trial.broker
    login = f"{broker.user}:{broker.password}"
    run_pytest(
        trial,
        python,
        source,
        FOLDER,
        *(f"--ignore={FOLDER}/{name}" for name in NEED_MORE_THAN_AMQP),
        plugins=("amqpstorm_broker",),
        environment={
            "AMQP_HOST": broker.host,
            "AMQP_USERNAME": broker.user,
            "AMQP_PASSWORD": broker.password,
            "AMQP_URI": f"amqp://{login}@{broker.host}:{broker.port}/%2F",
        },
    )
