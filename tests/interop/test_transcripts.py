"""What RabbitMQ said to the transcripts, ours must say too, or known_differences.md says why not.

Explanations are free. Of an error there count the code, how far it reaches, and, if a declaration
does not fit, which argument of what it names.
"""

import os
import re
from collections.abc import Callable
from pathlib import Path

import pika
import pytest

from tests.interop.suites.outcomes import read_known_differences
from tests.interop.transcripts import TRANSCRIPTS, Conversation, transcript

pytestmark = pytest.mark.slow

HERE = Path(__file__).parent
DIFFERENCES = read_known_differences(HERE / "known_differences.md")["transcripts"]
ERROR = re.compile(r"(.* closed \d+ [A-Z_]+) - (inequivalent arg .* in vhost '/')?.*")


def answers(lines: list[str], conversation: str) -> dict[str, str]:
    """What was said, by what was asked."""
    pairs = (line.split(" -> ", 1) for line in lines if line.startswith(f"{conversation}: "))
    return {what: ERROR.sub(r"\1 \2", said) for what, said in pairs}


@pytest.mark.parametrize("talk", TRANSCRIPTS, ids=lambda talk: talk.__name__)
def test_a_conversation_goes_as_with_rabbitmq(
    broker_url: str, talk: Callable[[Conversation], None]
) -> None:
    parameters = pika.URLParameters(broker_url)
    recorded = (HERE / "transcripts_rabbitmq.txt").read_text().splitlines()
    expected = answers(recorded, talk.__name__)
    said = answers(transcript(talk, parameters.host, parameters.port), talk.__name__)
    assert said.keys() == expected.keys()
    unlike = {what: (said[what], expected[what]) for what in said if said[what] != expected[what]}
    assert {what: pair for what, pair in unlike.items() if what not in DIFFERENCES} == {}
    if "WARRENER_TEST_URL" not in os.environ:
        ours = {what for what in DIFFERENCES if what.startswith(f"{talk.__name__}: ")}
        assert ours <= unlike.keys(), "a known difference is none any more"
