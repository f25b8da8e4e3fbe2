"""AMQPStorm's client of the management API: its functional tests."""

from tests.interop.suites.runners.amqpstorm import FOLDER, VERSION
from tests.interop.suites.trial import TOOLS, Trial, run_pytest


def run(trial: Trial) -> None:
    source = trial.workshop.sdist(f"amqpstorm=={VERSION}")
    (source / "pytest.ini").touch()
    python = trial.workshop.virtualenv(f"amqpstorm[management]=={VERSION}", "requests", *TOOLS)
    broker = trial.broker
    run_pytest(
        trial,
        python,
        source,
        f"{FOLDER}/management",
        f"{FOLDER}/test_web_based.py",
        plugins=("amqpstorm_port",),
        environment={
            "AMQP_HOST": broker.host,
            "AMQP_USERNAME": broker.user,
            "AMQP_PASSWORD": broker.password,
            "AMQP_HTTP_URL": broker.http_url,
            "AMQP_URI": broker.url,
        },
    )
