"""The story: steps that a broker goes through, each with what has to be true.

A day of a web shop goes through exchanges into durable queues. Each step says what should be true,
works it out without the broker, and compares. What is told is for people; which steps held is what
`tell` returns.

How it works: a step is a function of a `Scene`; its docstring is its headline. Steps run in order,
each under a time limit, because a blocking client would wait for ever for a broker that does not
answer.
"""

from __future__ import annotations

import contextlib
import signal
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console
from rich.table import Table

from warrener.exchange.demo.bindings import (
    BINDINGS,
    CONSUMER_FILTER,
    EXCHANGES,
    FILTERED,
    FILTERED_EXCHANGES,
    FILTERED_QUEUES,
    KINDS,
    LEDGER,
    MONEY,
    QUEUES,
    SELECTOR,
    Event,
    expected_ids,
    routing_key,
    the_consumer_wants,
)
from warrener.exchange.demo.client import Client, Connect, Outgoing, Published, Taken
from warrener.exchange.demo.day import generate
from warrener.exchange.demo.expectation import StepFailed, expect
from warrener.exchange.demo.process import Broker
from warrener.exchange.demo.worker import DyingWorker
from warrener.exchange.management.client import ManagementClient

KEPT_FOR_LATER = "demo.payments"
STEP_S_MAX = 90
TAKEN_ONE_BY_ONE = 300
HELD_BY_THE_WORKER = 60
IN_THE_LEDGER_BEFORE = 600
ACKNOWLEDGED_BEFORE_THE_KILL = 250
CONFIRMS_BEFORE_THE_KILL = 1000


@dataclass(frozen=True, slots=True)
class Told:
    """A step that was gone through."""

    step: str
    held: bool
    seconds: float
    error: str = ""


@dataclass(slots=True)
class Scene:
    """Where the story takes place."""

    console: Console
    connect: Connect
    events: list[Event]
    url: str = ""
    broker: Broker | None = None

    def say(self, text: str) -> None:
        self.console.print(f"  [green]✓[/] {text}", highlight=False, soft_wrap=True)

    @contextlib.contextmanager
    def client(self) -> Iterator[Client]:
        with contextlib.closing(self.connect(self.url)) as client:
            yield client

    def publish(self, messages: list[Outgoing]) -> Published:
        """All of them, each confirmed."""
        with self.client() as client:
            published = client.publish(messages, lambda count: None)
        expect("messages refused by the broker", 0, published.refused)
        expect("messages confirmed", len(messages), len(published.confirmed))
        return published


# The steps


def start_a_broker(scene: Scene) -> None:
    """A broker starts on an empty directory"""
    assert scene.broker is not None
    started = time.monotonic()
    scene.broker.start()
    scene.url = scene.broker.url
    scene.say(f"{scene.url} is ready after {time.monotonic() - started:.2f} s")


def publish_the_stream(scene: Scene) -> None:
    """A day of orders is published through three exchanges"""
    with scene.client() as client:
        client.declare(EXCHANGES, (*QUEUES, LEDGER), BINDINGS)
    scene.say(
        f"{len(EXCHANGES)} durable exchanges, {len(QUEUES)} durable queues, "
        f"{len(BINDINGS)} bindings"
    )
    messages = through(EXCHANGES, scene.events)
    started = time.monotonic()
    scene.publish(messages)
    scene.say(
        f"{len(scene.events):,} events, each through a direct, a topic and a fanout exchange: "
        f"{len(messages):,} messages confirmed in {time.monotonic() - started:.1f} s"
    )


def compare_every_queue(scene: Scene) -> None:
    """Every queue got what its bindings say, worked out here once more in plain Python"""
    table = Table("queue", "gets", "expected", "found", box=None, pad_edge=True)
    with scene.client() as client:
        for queue in QUEUES:
            wanted = expected_ids(queue, scene.events)
            found = client.waiting(queue)
            expect(f"messages in {queue}", len(wanted), found)
            if queue != KEPT_FOR_LATER:
                expect(f"ids in {queue}", wanted, ids(client.drain(queue)))
            table.add_row(queue, described(queue), f"{len(wanted):,}", f"{found:,}")
    scene.console.print(table)
    scene.say("no message missing, none too many, none out of order")


def filter_the_stream(scene: Scene) -> None:
    """Bindings with filters let through what they want: SQL92 selectors and tags"""
    with scene.client() as client:
        client.declare(FILTERED_EXCHANGES, FILTERED_QUEUES, FILTERED)
    scene.publish(through(FILTERED_EXCHANGES, scene.events))
    table = Table("queue", "gets", "expected", "found", box=None, pad_edge=True)
    with scene.client() as client:
        for binding in FILTERED:
            wanted = expected_ids(binding.queue, scene.events)
            found = client.waiting(binding.queue)
            expect(f"messages in {binding.queue}", len(wanted), found)
            if binding.queue != MONEY:
                expect(f"ids in {binding.queue}", wanted, ids(client.drain(binding.queue)))
            table.add_row(binding.queue, binding.filter, f"{len(wanted):,}", f"{found:,}")
    scene.console.print(table)
    scene.say(f"of {len(scene.events):,} events, sent to one fanout exchange")


def filter_for_a_consumer(scene: Scene) -> None:
    """A consumer with a selector of its own takes those out of the middle of a queue"""
    there = set(expected_ids(MONEY, scene.events))
    inside = [event for event in scene.events if event["id"] in there]
    wanted = [str(event["id"]) for event in inside if the_consumer_wants(event)]
    with scene.client() as client:
        expect("ids taken", wanted, ids(client.take(MONEY, len(wanted), CONSUMER_FILTER)))
        left = client.waiting(MONEY)
    expect(f"messages left in {MONEY}", len(inside) - len(wanted), left)
    scene.say(f"{len(wanted):,} with {CONSUMER_FILTER[SELECTOR]}, {left:,} left for others")


def look_over_http(scene: Scene) -> None:
    """The management API shows the same"""
    assert scene.broker is not None
    with scene.client() as client:
        expected = {name: client.waiting(name) for name in (*QUEUES, LEDGER, *FILTERED_QUEUES)}
    with contextlib.closing(ManagementClient(scene.broker.http_url)) as api:
        seen = {each["name"]: each["messages"] for each in api.get("/api/queues/%2F")}
    expect("messages in each queue", expected, seen)
    scene.say(f"{len(seen)} queues with {sum(seen.values()):,} messages at {scene.broker.http_url}")


def take_one_by_one(scene: Scene) -> None:
    """A consumer takes messages one by one and acknowledges each of them"""
    queue = KEPT_FOR_LATER
    wanted = expected_ids(queue, scene.events)
    with scene.client() as client:
        taken = client.take(queue, TAKEN_ONE_BY_ONE)
        expect("ids taken", wanted[:TAKEN_ONE_BY_ONE], ids(taken))
        left = client.waiting(queue)
    expect(f"messages left in {queue}", len(wanted) - TAKEN_ONE_BY_ONE, left)
    scene.say(f"{TAKEN_ONE_BY_ONE} payments taken in order, {left:,} left in the queue")


def lose_a_worker(scene: Scene) -> None:
    """A worker dies with messages in its hands; the next one gets exactly those again"""
    queue = KEPT_FOR_LATER
    wanted = expected_ids(queue, scene.events)[TAKEN_ONE_BY_ONE:]
    held = DyingWorker(scene.connect, scene.url, queue, HELD_BY_THE_WORKER).run()
    expect("ids the worker held", wanted[:HELD_BY_THE_WORKER], held)
    scene.say(f"a worker held {len(held)} messages when its process was killed: no goodbye")
    with scene.client() as client:
        wait_until(lambda: client.waiting(queue), len(wanted), f"messages back in {queue}")
        again = client.drain(queue)
    expect("ids after the loss", wanted, ids(again))
    marked = [message.id for message in again if message.redelivered]
    expect("ids marked as redelivered", held, marked)
    scene.say(f"the same {len(marked)} came first, in order, marked redelivered")
    scene.say(f"the other {len(again) - len(marked):,} followed, unmarked")


def kill_the_broker(scene: Scene) -> None:
    """The broker is killed in the middle of publishing, and starts again on what it left"""
    assert scene.broker is not None
    acknowledged, kept = fill_and_partly_empty_the_ledger(scene)
    confirmed = publish_until_the_kill(scene)
    scene.say(f"kill -9 after {len(confirmed):,} confirms of this publisher")
    started = time.monotonic()
    scene.broker.start()
    scene.say(f"started again on the same data in {time.monotonic() - started:.1f} s")
    with scene.client() as client:
        back = ids(client.drain(LEDGER))
    check_what_came_back(scene, back, acknowledged, kept + confirmed)


def route_as_before(scene: Scene) -> None:
    """Exchanges, bindings and filters are those of before the kill"""
    with scene.client() as client:
        before = {binding.queue: client.waiting(binding.queue) for binding in FILTERED}
    scene.publish(through(KINDS, scene.events))
    with scene.client() as client:
        for queue in (*QUEUES, *FILTERED_QUEUES):
            wanted = len(expected_ids(queue, scene.events)) + before.get(queue, 0)
            expect(f"messages in {queue}", wanted, client.waiting(queue))
    scene.say("the same day once more: every queue got as many messages as the first time")


def end_in_order(scene: Scene) -> None:
    """The broker ends in order when it is asked to"""
    assert scene.broker is not None
    started = time.monotonic()
    expect("exit status after SIGTERM", 0, scene.broker.end())
    scene.say(f"exit status 0 after {time.monotonic() - started:.1f} s")


Step = Callable[[Scene], None]
WITH_ANY_BROKER: tuple[Step, ...] = (
    publish_the_stream,
    compare_every_queue,
    take_one_by_one,
    lose_a_worker,
    filter_the_stream,
    filter_for_a_consumer,
)
WITH_OUR_OWN: tuple[Step, ...] = (
    start_a_broker,
    *WITH_ANY_BROKER,
    look_over_http,
    kill_the_broker,
    route_as_before,
)


# What steps are made of


def through(exchanges: dict[str, str], events: list[Event]) -> list[Outgoing]:
    return [
        Outgoing(exchange, routing_key(exchange, event), event)
        for event in events
        for exchange in exchanges
    ]


def ids(taken: list[Taken]) -> list[str]:
    return [message.id for message in taken]


def described(queue: str) -> str:
    bindings = [binding for binding in BINDINGS if binding.queue == queue]
    kind = EXCHANGES[bindings[0].exchange]
    return f"{kind}: " + (", ".join(binding.key for binding in bindings) or "everything")


def wait_until(look: Callable[[], int], expected: int, what: str) -> None:
    """The broker learns of a dead connection a moment after the process is gone."""
    deadline = time.monotonic() + 10
    while (seen := look()) != expected:
        if time.monotonic() > deadline:
            raise StepFailed(what, expected, seen)
        time.sleep(0.02)


def fill_and_partly_empty_the_ledger(scene: Scene) -> tuple[list[str], list[str]]:
    """Returns the ids that are acknowledged, and those that are left."""
    early = [Outgoing("", LEDGER, event) for event in scene.events[:IN_THE_LEDGER_BEFORE]]
    scene.publish(early)
    with scene.client() as client:
        acknowledged = ids(client.take(LEDGER, ACKNOWLEDGED_BEFORE_THE_KILL))
    scene.say(f"{len(early)} events in {LEDGER}, {len(acknowledged)} of them acknowledged")
    return acknowledged, [each.id for each in early[len(acknowledged) :]]


def publish_until_the_kill(scene: Scene) -> list[str]:
    """Publishes the rest of the day; the broker does not live to see the end of it.

    The acknowledgements are older than the confirms that are waited for, so they are on disk too.
    """
    rest = [Outgoing("", LEDGER, event) for event in scene.events[IN_THE_LEDGER_BEFORE:]]
    broker, killed = scene.broker, False
    assert broker is not None

    def kill_in_time(confirmed: int) -> None:
        nonlocal killed
        if confirmed >= CONFIRMS_BEFORE_THE_KILL and not killed:
            killed = True
            broker.kill()

    with scene.client() as client:
        published = client.publish(rest, kill_in_time)
    expect("messages refused by the broker", 0, published.refused)
    expect("the kill came in the middle", True, len(published.confirmed) < len(rest))
    return published.confirmed


def check_what_came_back(
    scene: Scene, back: list[str], acknowledged: list[str], safe: list[str]
) -> None:
    twice = [message for message, count in Counter(back).items() if count > 1]
    expect("messages that came back twice", [], twice)
    expect("confirmed messages that are lost", [], sorted(set(safe) - set(back)))
    expect("acknowledged messages that came back", [], sorted(set(back) & set(acknowledged)))
    expect("messages in the order of publishing", sorted(back), back)
    scene.say(f"all {len(safe):,} messages that were confirmed are back, each once, in order")
    scene.say(f"none of the {len(acknowledged)} acknowledged ones came back")
    scene.say(f"{len(back) - len(safe)} more were on disk before their confirm could be sent")


# Telling it


class Story:
    """The steps told so far; the first that does not hold is the last."""

    def __init__(self, scene: Scene) -> None:
        self.scene = scene
        self.told: list[Told] = []

    @property
    def held(self) -> bool:
        return all(each.held for each in self.told)

    def go_through(self, *steps: Step) -> None:
        for step in steps:
            if not self.held:
                return
            self._tell(step)

    def _tell(self, step: Step) -> None:
        headline, number = str(step.__doc__), len(self.told) + 1
        self.scene.console.print(f"\n[bold]{number}. {headline}[/]", soft_wrap=True)
        started, error = time.monotonic(), ""
        try:
            with time_limit():
                step(self.scene)
        except Exception as raised:
            error = f"{type(raised).__name__}: {raised}"
            self.scene.console.print(f"\n[bold red]Step {number} failed:[/] {headline}")
            self.scene.console.print(error, style="red", markup=False)
        self.told.append(Told(headline, not error, round(time.monotonic() - started, 3), error))


@contextlib.contextmanager
def time_limit() -> Iterator[None]:
    def too_long(*_: object) -> None:
        raise TimeoutError(f"the step took more than {STEP_S_MAX} s")

    before = signal.signal(signal.SIGALRM, too_long)
    signal.alarm(STEP_S_MAX)
    try:
        yield
    finally:
        signal.alarm(0)
        signal.signal(signal.SIGALRM, before)


def tell(connect: Connect, console: Console, stay: Callable[[Broker], None] | None) -> list[Told]:
    """The whole story, on a broker that is ours to kill.

    Before the broker is ended it is shown to `stay`, which may take its time.
    """
    with (
        tempfile.TemporaryDirectory(prefix="warrener-demo-") as directory,
        contextlib.closing(Broker(Path(directory))) as broker,
    ):
        story = Story(Scene(console, connect, generate(), broker=broker))
        story.go_through(*WITH_OUR_OWN)
        if story.held and stay is not None:
            stay(broker)
        story.go_through(end_in_order)
        if not story.held:
            console.print("\nThe end of the broker's log:", broker.log(), sep="\n", markup=False)
        return story.told


def tell_of_another(connect: Connect, console: Console, url: str) -> list[Told]:
    """The steps that a broker of others can be asked to go through.

    What they have made is removed again. Filters are what no other broker has.
    """
    scene = Scene(console, connect, generate(), url)
    story = Story(scene)
    story.go_through(*WITH_ANY_BROKER)
    with contextlib.suppress(Exception), scene.client() as client:
        client.remove(KINDS, (*QUEUES, LEDGER, *FILTERED_QUEUES))
    return story.told
