"""The main job of a broker, told as a story, with a client that knows nothing of this project.

    python examples/demo.py                     starts a broker of its own and ends it
    python examples/demo.py --url amqp://...    only the steps that need no power over the broker

A day of a web shop (data/orders.jsonl) goes through three exchanges into durable queues. Each step
says what should be true, works it out without the broker, and compares. The exit status is 0 only
if every step held; otherwise the last lines say which one did not and what was seen instead.

How it works: a step is a function of a `Scene`; its docstring is its headline. Steps run in order,
each under a time limit, because a blocking client would wait for ever for a broker that does not
answer. What the steps are made of (the bindings, the process, the clients) is in demo_shop/.
"""

import argparse
import contextlib
import json
import signal
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pika.exceptions
from demo_shop.bindings import BINDINGS, EXCHANGES, QUEUES, Event, expected_ids, routing_key
from demo_shop.broker import Broker
from demo_shop.consumer import DyingWorker, drain, ids, open_channel, take, waiting
from demo_shop.expectation import StepFailed, expect
from demo_shop.publisher import Outgoing, Publisher
from rich.console import Console
from rich.table import Table

DATA = Path(__file__).with_name("data") / "orders.jsonl"
LEDGER = "demo.ledger"
KEPT_FOR_LATER = "demo.payments"
SECONDS_PER_STEP_MAX = 90
TAKEN_ONE_BY_ONE = 300
HELD_BY_THE_WORKER = 60
IN_THE_LEDGER_BEFORE = 600
ACKNOWLEDGED_BEFORE_THE_KILL = 250
CONFIRMS_BEFORE_THE_KILL = 1000


@dataclass(slots=True)
class Scene:
    console: Console
    events: list[Event]
    url: str = ""
    broker: Broker | None = None

    def say(self, text: str) -> None:
        self.console.print(f"  [green]✓[/] {text}", highlight=False)


def start_a_broker(scene: Scene) -> None:
    """A broker starts on an empty directory"""
    assert scene.broker is not None
    started = time.monotonic()
    scene.broker.start()
    scene.url = scene.broker.url
    scene.say(f"{scene.url} is ready after {time.monotonic() - started:.2f} s")


def publish_the_stream(scene: Scene) -> None:
    """A day of orders is published through three exchanges"""
    declare_topology(scene)
    messages = [
        Outgoing(exchange, routing_key(exchange, event), event)
        for event in scene.events
        for exchange in EXCHANGES
    ]
    started = time.monotonic()
    publisher = Publisher(scene.url, messages)
    publisher.run()
    expect("messages refused by the broker", [], publisher.refused)
    expect("messages confirmed", len(messages), len(publisher.confirmed))
    scene.say(
        f"{len(scene.events):,} events, each through a direct, a topic and a fanout exchange: "
        f"{len(messages):,} messages confirmed in {time.monotonic() - started:.1f} s"
    )


def declare_topology(scene: Scene) -> None:
    with open_channel(scene.url) as channel:
        for queue in (*QUEUES, LEDGER):
            channel.queue_delete(queue)
            channel.queue_declare(queue, durable=True)
        for exchange, kind in EXCHANGES.items():
            channel.exchange_delete(exchange)
            channel.exchange_declare(exchange, kind, durable=True)
        for binding in BINDINGS:
            channel.queue_bind(binding.queue, binding.exchange, binding.key)
    scene.say(
        f"{len(EXCHANGES)} durable exchanges, {len(QUEUES)} durable queues, "
        f"{len(BINDINGS)} bindings"
    )


def compare_every_queue(scene: Scene) -> None:
    """Every queue got what its bindings say, worked out here once more in plain Python"""
    table = Table("queue", "gets", "expected", "found", box=None, pad_edge=True)
    with open_channel(scene.url) as channel:
        for queue in QUEUES:
            wanted = expected_ids(queue, scene.events)
            found = waiting(channel, queue)
            expect(f"messages in {queue}", len(wanted), found)
            if queue != KEPT_FOR_LATER:
                expect(f"ids in {queue}", wanted, ids(drain(channel, queue)))
            table.add_row(queue, described(queue), f"{len(wanted):,}", f"{found:,}")
    scene.console.print(table)
    scene.say("no message missing, none too many, none out of order")


def described(queue: str) -> str:
    bindings = [binding for binding in BINDINGS if binding.queue == queue]
    kind = EXCHANGES[bindings[0].exchange]
    return f"{kind}: " + (", ".join(binding.key for binding in bindings) or "everything")


def take_one_by_one(scene: Scene) -> None:
    """A consumer takes messages one by one and acknowledges each of them"""
    queue = KEPT_FOR_LATER
    wanted = expected_ids(queue, scene.events)
    with open_channel(scene.url) as channel:
        taken = take(channel, queue, TAKEN_ONE_BY_ONE)
        expect("ids taken", wanted[:TAKEN_ONE_BY_ONE], ids(taken))
        left = waiting(channel, queue)
    expect(f"messages left in {queue}", len(wanted) - TAKEN_ONE_BY_ONE, left)
    scene.say(f"{TAKEN_ONE_BY_ONE} payments taken in order, {left:,} left in the queue")


def lose_a_worker(scene: Scene) -> None:
    """A worker dies with messages in its hands; the next one gets exactly those again"""
    queue = KEPT_FOR_LATER
    wanted = expected_ids(queue, scene.events)[TAKEN_ONE_BY_ONE:]
    held = DyingWorker(scene.url, queue, HELD_BY_THE_WORKER).run()
    expect("ids the worker held", wanted[:HELD_BY_THE_WORKER], held)
    scene.say(f"a worker held {len(held)} messages when its process was killed: no goodbye")
    with open_channel(scene.url) as channel:
        wait_until(lambda: waiting(channel, queue), len(wanted), f"messages back in {queue}")
        again = drain(channel, queue)
    expect("ids after the loss", wanted, ids(again))
    marked = [message.id for message in again if message.redelivered]
    expect("ids marked as redelivered", held, marked)
    scene.say(f"the same {len(marked)} came first, in order, marked redelivered")
    scene.say(f"the other {len(again) - len(marked):,} followed, unmarked")


def wait_until(look: Callable[[], int], expected: int, what: str) -> None:
    """The broker learns of a dead connection a moment after the process is gone."""
    deadline = time.monotonic() + 10
    while (seen := look()) != expected:
        if time.monotonic() > deadline:
            raise StepFailed(what, expected, seen)
        time.sleep(0.02)


def kill_the_broker(scene: Scene) -> None:
    """The broker is killed in the middle of publishing, and starts again on what it left"""
    acknowledged, kept = fill_and_partly_empty_the_ledger(scene)
    publisher = publish_until_the_kill(scene)
    scene.say(f"kill -9 after {len(publisher.confirmed):,} confirms of this publisher")
    started = time.monotonic()
    assert scene.broker is not None
    scene.broker.start()
    scene.say(f"started again on the same data in {time.monotonic() - started:.1f} s")
    with open_channel(scene.url) as channel:
        for exchange in EXCHANGES:
            channel.exchange_declare(exchange, passive=True)
        back = ids(drain(channel, LEDGER))
    check_what_came_back(scene, back, acknowledged, kept + publisher.confirmed)


def fill_and_partly_empty_the_ledger(scene: Scene) -> tuple[list[str], list[str]]:
    early = [Outgoing("", LEDGER, event) for event in scene.events[:IN_THE_LEDGER_BEFORE]]
    publisher = Publisher(scene.url, early)
    publisher.run()
    expect("messages confirmed", len(early), len(publisher.confirmed))
    with open_channel(scene.url) as channel:
        acknowledged = ids(take(channel, LEDGER, ACKNOWLEDGED_BEFORE_THE_KILL))
    scene.say(f"{len(early)} events in {LEDGER}, {len(acknowledged)} of them acknowledged")
    return acknowledged, [str(m.event["id"]) for m in early[len(acknowledged) :]]


def publish_until_the_kill(scene: Scene) -> Publisher:
    """Publishes the rest of the day; the broker does not live to see the end of it.

    The acknowledgements are older than the confirms that are waited for, so they are on disk too.
    """
    assert scene.broker is not None
    rest = [Outgoing("", LEDGER, event) for event in scene.events[IN_THE_LEDGER_BEFORE:]]
    publisher = Publisher(scene.url, rest)
    publisher.stop_after = CONFIRMS_BEFORE_THE_KILL
    publisher.on_stop = scene.broker.kill
    publisher.run()
    expect("the kill came in the middle", True, len(publisher.confirmed) < len(rest))
    return publisher


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


def end_in_order(scene: Scene) -> None:
    """The broker ends in order when it is asked to"""
    assert scene.broker is not None
    started = time.monotonic()
    expect("exit status after SIGTERM", 0, scene.broker.end())
    scene.say(f"exit status 0 after {time.monotonic() - started:.1f} s")


Step = Callable[[Scene], None]
STEPS: tuple[Step, ...] = (
    publish_the_stream,
    compare_every_queue,
    take_one_by_one,
    lose_a_worker,
)
ALL_STEPS: tuple[Step, ...] = (start_a_broker, *STEPS, kill_the_broker, end_in_order)


def run_steps(scene: Scene, steps: tuple[Step, ...]) -> bool:
    for number, step in enumerate(steps, 1):
        scene.console.print(f"\n[bold]{number}. {step.__doc__}[/]")
        try:
            with time_limit():
                step(scene)
        except Exception as error:
            scene.console.print(f"\n[bold red]Step {number} failed:[/] {step.__doc__}")
            said = str(error) or repr(error)
            scene.console.print(f"{type(error).__name__}: {said}", style="red", markup=False)
            return False
    return True


@contextlib.contextmanager
def time_limit() -> Iterator[None]:
    def too_long(*_: object) -> None:
        raise TimeoutError(f"the step took more than {SECONDS_PER_STEP_MAX} s")

    signal.signal(signal.SIGALRM, too_long)
    signal.alarm(SECONDS_PER_STEP_MAX)
    try:
        yield
    finally:
        signal.alarm(0)


def tell_of_our_own(console: Console, events: list[Event]) -> bool:
    """The whole story, on a broker that is ours to kill; true if every step held."""
    with (
        tempfile.TemporaryDirectory(prefix="warrener-demo-") as directory,
        contextlib.closing(Broker(Path(directory))) as broker,
    ):
        held = run_steps(Scene(console, events, broker=broker), ALL_STEPS)
        if not held:
            console.print("\nThe end of the broker's log:", broker.log(), sep="\n", markup=False)
        return held


def tell_of_another(console: Console, events: list[Event], url: str) -> bool:
    """The steps that any broker can be asked to go through; it is left as it was found."""
    held = run_steps(Scene(console, events, url), STEPS)
    with contextlib.suppress(pika.exceptions.AMQPError):
        remove_topology(url)
    return held


def remove_topology(url: str) -> None:
    with open_channel(url) as channel:
        for queue in (*QUEUES, LEDGER):
            channel.queue_delete(queue)
        for exchange in EXCHANGES:
            channel.exchange_delete(exchange)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--url", help="a broker that runs already; it is not killed")
    url = parser.parse_args().url
    console = Console()
    events = [json.loads(line) for line in DATA.read_text("utf-8").splitlines()]
    held = tell_of_another(console, events, url) if url else tell_of_our_own(console, events)
    if held:
        console.print("\n[bold green]Every step held.[/]")
    return 0 if held else 1


if __name__ == "__main__":
    sys.exit(main())
