"""A stand-in for the Docker Engine, for suites that get their brokers from there.

What: the calls of Docker's HTTP API that aio-pika's tests make: create a container, start, inspect,
kill, stop and remove it, and run `rabbitmqctl stop_app` or `start_app` in it. Every container is a
Warrener in a process of its own, so tests that kill their broker kill one of ours, and find out
whether its clients and their messages come through. With a broker that is given from outside every
container is that broker, and nothing but inspecting has an effect.

How: one HTTP server in a thread; a request is looked up in a table of patterns.
"""

import json
import re
import secrets
import threading
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from tests.interop.running_broker import RunningBroker
from tests.interop.suites.trial import Address
from tests.patience import join


class OwnBroker:
    """A container with a Warrener in it."""

    def __init__(self, folder: Path) -> None:
        self._broker = RunningBroker(folder)

    @property
    def port(self) -> int:
        return Address.of(self._broker.url).port

    def start(self) -> None:
        if not self._broker.running:
            self._broker.start()

    def kill(self) -> None:
        if self._broker.running:
            self._broker.kill()

    def stop(self) -> None:
        if self._broker.running:
            self._broker.stop()


class GivenBroker:
    """A container with a broker in it that is not ours to end."""

    def __init__(self, port: int) -> None:
        self.port = port

    def start(self) -> None:
        pass

    kill = stop = start


Container = OwnBroker | GivenBroker
Answer = dict[str, Any]


class ContainerEngine:
    """Serves the API on a free port of this machine while the block lasts."""

    def __init__(self, make_container: Callable[[], Container]) -> None:
        self._make_container = make_container
        self._containers: dict[str, Container] = {}
        self._commands: dict[str, Callable[[], None]] = {}
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), handler_of(self))
        self._thread = threading.Thread(target=self._server.serve_forever)

    @property
    def url(self) -> str:
        return f"tcp://127.0.0.1:{self._server.server_address[1]}"

    def __enter__(self) -> "ContainerEngine":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        join(self._thread)
        self._server.server_close()
        for container in self._containers.values():
            container.kill()

    def answer(self, request: str, body: Answer) -> Answer:
        """Raises: KeyError for a request that is not known."""
        for pattern, method in REQUESTS.items():
            if found := re.fullmatch(pattern, request):
                return method(self, body, *found.groups())
        raise KeyError(request)

    def _pull(self, _: Answer) -> Answer:
        return {}

    def _create(self, _: Answer) -> Answer:
        name = secrets.token_hex(8)
        self._containers[name] = self._make_container()
        return {"Id": name}

    def _inspect(self, _: Answer, name: str) -> Answer:
        port = str(self._containers[name].port)
        ports = {f"{n}/tcp": [{"HostIp": "127.0.0.1", "HostPort": port}] for n in (5672, 5671)}
        return {"Id": name, "NetworkSettings": {"Ports": ports}}

    def _start(self, _: Answer, name: str) -> Answer:
        self._containers[name].start()
        return {}

    def _kill(self, _: Answer, name: str) -> Answer:
        self._containers[name].kill()
        return {}

    def _stop(self, _: Answer, name: str) -> Answer:
        self._containers[name].stop()
        return {}

    def _create_command(self, body: Answer, name: str) -> Answer:
        container = self._containers[name]
        effects = {"stop_app": container.stop, "start_app": container.start}
        program, command = body["Cmd"]
        assert program == "rabbitmqctl", program
        identity = secrets.token_hex(8)
        self._commands[identity] = effects[command]
        return {"Id": identity}

    def _run_command(self, _: Answer, identity: str) -> Answer:
        self._commands[identity]()
        return {}

    def _inspect_command(self, _: Answer, identity: str) -> Answer:
        return {"Running": False, "ExitCode": 0}


REQUESTS = {
    r"POST /images/create\?.*": ContainerEngine._pull,
    r"POST /containers/create": ContainerEngine._create,
    r"GET /containers/(\w+)/json": ContainerEngine._inspect,
    r"POST /containers/(\w+)/start": ContainerEngine._start,
    r"POST /containers/(\w+)/kill": ContainerEngine._kill,
    r"POST /containers/(\w+)/stop.*": ContainerEngine._stop,
    r"DELETE /containers/(\w+)": ContainerEngine._kill,
    r"POST /containers/(\w+)/exec": ContainerEngine._create_command,
    r"POST /exec/(\w+)/start": ContainerEngine._run_command,
    r"GET /exec/(\w+)/json": ContainerEngine._inspect_command,
}


def handler_of(engine: ContainerEngine) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def _serve(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            try:
                answer = engine.answer(
                    f"{self.command} {self.path}", json.loads(body) if body else {}
                )
                self._reply(200, answer)
            except Exception as error:
                self._reply(500, {"message": repr(error)})
                raise

        do_GET = do_POST = do_DELETE = _serve

        def _reply(self, status: int, answer: Answer) -> None:
            body = json.dumps(answer).encode()
            self.send_response(status)
            self.send_header("Content-Length", str(len(body)))
            self.send_header("Connection", "close")
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            """One line for every request would hide the table."""

    return Handler
