"""The schema: it knows every argument that does something, and the page knows the schema."""

from pathlib import Path

from warrener.exchange.queues.options import KEYS
from warrener.exchange.topology.schema import (
    BINDING,
    EXCHANGE,
    MANAGE,
    PASSWORD,
    PERMISSION,
    POLICY,
    QUEUE,
    QUEUE_ARGUMENTS,
    TOPIC_PERMISSION,
    TOPOLOGY,
    USER,
    VHOST,
)
from warrener.exchange.topology.shapes import Record

PAGE = Path(__file__).parents[3] / "docs" / "topology.md"
RECORDS: tuple[Record, ...] = (
    *(TOPOLOGY, USER, PASSWORD, VHOST, MANAGE, EXCHANGE, QUEUE),
    *(BINDING, PERMISSION, TOPIC_PERMISSION, POLICY),
)


def test_every_argument_of_queues_that_does_something_can_be_written_as_a_key() -> None:
    known = {field.name for field in QUEUE_ARGUMENTS}
    assert {name for name, key in KEYS.items() if key.option} - known == set()


def test_every_key_is_on_the_page_with_its_meaning() -> None:
    page = PAGE.read_text("utf-8")
    for record in RECORDS:
        for field in record.fields:
            row = next(line for line in page.splitlines() if line.startswith(f"| `{field.name}` |"))
            assert row
            assert field.meaning.replace("|", "\\|") in page
