"""rabbitmqadmin, the script that Debian's rabbitmq-server comes with, as a client of the API.

It comes without tests, so the checks are written here: one function each, whose name is its id and
says what must hold.
"""

import json
import secrets
import subprocess
import sys
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from tests.interop.suites.checks import run_checks
from tests.interop.suites.trial import Trial

PACKAGE = "rabbitmq-server"
SECONDS_MAX = 30
LISTABLE = (
    "connections",
    "channels",
    "consumers",
    "exchanges",
    "queues",
    "bindings",
    "users",
    "vhosts",
    "permissions",
    "nodes",
    "parameters",
    "policies",
    "operator_policies",
    "vhost_limits",
)


class Script:
    """The script, with a virtual host of its own to work in."""

    def __init__(self, trial: Trial) -> None:
        root = trial.workshop.debian_packages(PACKAGE)
        (self._path,) = root.glob("usr/lib/rabbitmq/lib/*/plugins/*/priv/www/cli/rabbitmqadmin")
        self._log = trial.log
        self.broker = trial.broker
        self.folder: Path = trial.workshop.folder
        self.vhost = f"admin-{secrets.token_hex(4)}"

    def run(self, *arguments: str, password: str = "") -> tuple[int, str]:
        """Exit status and standard output."""
        address = urlsplit(self.broker.http_url)
        with self._log.open("a") as log:
            log.write(f"$ rabbitmqadmin {' '.join(arguments)}\n")
            log.flush()
            done = subprocess.run(
                [
                    *(sys.executable, self._path, "-H", address.hostname, "-P", str(address.port)),
                    *("-u", self.broker.user, "-p", password or self.broker.password),
                    *arguments,
                ],
                stdout=subprocess.PIPE,
                stderr=log,
                text=True,
                timeout=SECONDS_MAX,
            )
        return done.returncode, done.stdout

    def do(self, *arguments: str) -> str:
        """What must succeed, in the virtual host."""
        status, said = self.run("-V", self.vhost, *arguments)
        assert status == 0, arguments
        return said

    def json(self, *arguments: str) -> Any:
        return json.loads(self.do("-f", "raw_json", *arguments))

    def queue(self) -> str:
        name = f"q-{secrets.token_hex(4)}"
        self.do("declare", "queue", f"name={name}", "durable=true")
        return name


def the_overview_is_shown(script: Script) -> None:
    (overview,) = script.json("show", "overview", "rabbitmq_version", "object_totals.queues")
    assert overview["rabbitmq_version"].count(".") == 2


def everything_can_be_listed(script: Script) -> None:
    for thing in LISTABLE:
        script.do("list", thing)
        assert isinstance(script.json("list", thing), list)


def a_list_can_be_sorted_and_cut(script: Script) -> None:
    names = [script.queue() for _ in range(3)]
    listed = script.json("-S", "name", "-R", "list", "queues", "name", "messages")
    found = [queue["name"] for queue in listed]
    assert found == sorted(found, reverse=True)
    assert set(names) <= set(found)


def a_virtual_host_is_declared_and_deleted(script: Script) -> None:
    name = f"v-{secrets.token_hex(4)}"
    script.do("declare", "vhost", f"name={name}", "tracing=false")
    assert name in [vhost["name"] for vhost in script.json("list", "vhosts", "name")]
    script.do("delete", "vhost", f"name={name}")


def a_user_is_declared_permitted_and_deleted(script: Script) -> None:
    name = f"u-{secrets.token_hex(4)}"
    script.do("declare", "user", f"name={name}", "password=pw", "tags=management")
    expressions = ("configure=.*", "write=.*", "read=.*")
    script.do("declare", "permission", f"vhost={script.vhost}", f"user={name}", *expressions)
    users = [each["user"] for each in script.json("list", "permissions")]
    assert name in users
    script.do("delete", "permission", f"vhost={script.vhost}", f"user={name}")
    script.do("delete", "user", f"name={name}")


def a_queue_with_arguments_is_declared(script: Script) -> None:
    name = f"q-{secrets.token_hex(4)}"
    script.do("declare", "queue", f"name={name}", 'arguments={"x-max-length":100}')
    (queue,) = [each for each in script.json("list", "queues") if each["name"] == name]
    assert queue["arguments"] == {"x-max-length": 100}
    status, _ = script.run("-V", script.vhost, "declare", "queue", f"name={name}", "durable=false")
    assert status == 1
    script.do("delete", "queue", f"name={name}")


def an_exchange_is_declared_bound_and_deleted(script: Script) -> None:
    queue = script.queue()
    script.do("declare", "exchange", "name=ex", "type=topic", "durable=true")
    script.do("declare", "binding", "source=ex", f"destination={queue}", "routing_key=a.#")
    (binding,) = [each for each in script.json("list", "bindings") if each["source"] == "ex"]
    assert (binding["destination"], binding["routing_key"]) == (queue, "a.#")
    script.do(
        *("delete", "binding", "source=ex", "destination_type=queue", f"destination={queue}"),
        f"properties_key={binding['properties_key']}",
    )
    assert not [each for each in script.json("list", "bindings") if each["source"] == "ex"]
    script.do("delete", "exchange", "name=ex")


def a_message_is_published_got_and_put_back(script: Script) -> None:
    queue = script.queue()
    properties = '{"delivery_mode":2,"headers":{"k":"v"}}'
    said = script.do("publish", f"routing_key={queue}", "payload=hello", f"properties={properties}")
    assert said.strip() == "Message published"
    for mode, redelivered in (("ack_requeue_true", False), ("ack_requeue_false", True)):
        (got,) = script.json("get", f"queue={queue}", f"ackmode={mode}", "count=5")
        assert (got["payload"], got["redelivered"]) == ("hello", redelivered)
        assert got["properties"] == {"delivery_mode": 2, "headers": {"k": "v"}}
    assert script.json("get", f"queue={queue}") == []


def a_message_that_goes_nowhere_is_told(script: Script) -> None:
    assert "NOT routed" in script.do("publish", "routing_key=nowhere", "payload=x")


def a_queue_is_purged(script: Script) -> None:
    queue = script.queue()
    script.do("publish", f"routing_key={queue}", "payload=x")
    script.do("purge", "queue", f"name={queue}")
    assert script.json("get", f"queue={queue}") == []


def policies_are_declared_and_deleted(script: Script) -> None:
    for kind, kinds in (("policy", "policies"), ("operator_policy", "operator_policies")):
        definition = 'definition={"max-length":10}'
        script.do("declare", kind, "name=p", "pattern=^q", definition, "apply-to=queues")
        (policy,) = [each for each in script.json("list", kinds) if each["name"] == "p"]
        assert (policy["pattern"], policy["apply-to"]) == ("^q", "queues")
        script.do("delete", kind, "name=p")


def a_limit_is_declared_and_deleted(script: Script) -> None:
    where = (f"vhost={script.vhost}", "name=max-queues")
    script.do("declare", "vhost_limit", *where, "value=1000")
    limits = {each["vhost"]: each["value"] for each in script.json("list", "vhost_limits")}
    assert limits[script.vhost] == {"max-queues": 1000}
    script.do("delete", "vhost_limit", *where)


def definitions_are_exported_and_imported(script: Script) -> None:
    queue = script.queue()
    file = script.folder / "definitions.json"
    assert script.run("export", str(file))[0] == 0
    names = [each["name"] for each in json.loads(file.read_text())["queues"]]
    assert queue in names
    script.do("delete", "queue", f"name={queue}")
    assert script.run("import", str(file))[0] == 0
    assert queue in [each["name"] for each in script.json("list", "queues", "name")]


def a_connection_is_closed(script: Script) -> None:
    status, _ = script.run("close", "connection", "name=nobody")
    assert status == 1


def a_wrong_password_is_refused(script: Script) -> None:
    assert script.run("show", "overview", password="wrong")[0] == 1


def an_unknown_virtual_host_is_an_error(script: Script) -> None:
    assert script.run("-V", "nowhere", "list", "queues")[0] == 1


CHECKS = (
    the_overview_is_shown,
    everything_can_be_listed,
    a_list_can_be_sorted_and_cut,
    a_virtual_host_is_declared_and_deleted,
    a_user_is_declared_permitted_and_deleted,
    a_queue_with_arguments_is_declared,
    an_exchange_is_declared_bound_and_deleted,
    a_message_is_published_got_and_put_back,
    a_message_that_goes_nowhere_is_told,
    a_queue_is_purged,
    policies_are_declared_and_deleted,
    a_limit_is_declared_and_deleted,
    definitions_are_exported_and_imported,
    a_connection_is_closed,
    a_wrong_password_is_refused,
    an_unknown_virtual_host_is_an_error,
)


def run(trial: Trial) -> None:
    script = Script(trial)
    script.run("declare", "vhost", f"name={script.vhost}")
    run_checks(trial, CHECKS, script)
    script.run("delete", "vhost", f"name={script.vhost}")
