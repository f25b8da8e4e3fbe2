"""The broker as its users start it: a process, its output and its exit status."""

import os
import re
import signal
import socket
import ssl
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import fields

import pika
import pytest
import trustme

from tests.patience import limit
from warrener import __version__
from warrener.exchange.commands import CommandError, main, serve
from warrener.exchange.config import Config
from warrener.exchange.management.client import ManagementClient
from warrener.exchange.server.server import open_listeners
from warrener.storage.lock import DirectoryLock

COMMAND = (sys.executable, "-m", "warrener", "serve")
PATIENCE_S = 20


class Process:
    """A broker that was started; `listening` is what it printed before it was ready."""

    def __init__(self, *arguments: str) -> None:
        self._process = subprocess.Popen(
            [*COMMAND, "--port", "0", "--http-port=-1", *arguments],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        assert self._process.stdout is not None
        self.listening: list[str] = []
        with limit("the broker to start"):
            while (line := self._process.stdout.readline()) != "Server startup complete\n":
                assert line, self._process.communicate()[1]
                self.listening.append(line.rstrip("\n"))
        self.errors = ""

    @property
    def url(self) -> str:
        return f"{self.listening[0]}/?connection_attempts=1&socket_timeout={PATIENCE_S}"

    @property
    def number(self) -> int:
        return self._process.pid

    def connect(self) -> pika.BlockingConnection:
        return pika.BlockingConnection(pika.URLParameters(self.url))

    def signal(self, number: int) -> None:
        self._process.send_signal(number)

    def end(self) -> int:
        """Tell it to stop; returns the exit status."""
        self.signal(signal.SIGTERM)
        return self.wait()

    def wait(self) -> int:
        _, self.errors = self._process.communicate(timeout=PATIENCE_S)
        return self._process.returncode

    def kill(self) -> None:
        if self._process.returncode is None:
            self._process.kill()
            self._process.communicate(timeout=PATIENCE_S)


@pytest.fixture
def processes() -> Iterator[list[Process]]:
    """Brokers that must not outlive the test."""
    started: list[Process] = []
    yield started
    for process in started:
        process.kill()


def start_in_vain(*arguments: str) -> str:
    """What a broker says that does not start."""
    ended = subprocess.run(
        [*COMMAND, *arguments], capture_output=True, text=True, timeout=PATIENCE_S, check=False
    )
    assert ended.returncode == 1, ended
    assert ended.stdout == ""
    assert "Traceback" not in ended.stderr
    return ended.stderr


def refused(*arguments: str) -> str:
    """The same where it is one line."""
    (line,) = start_in_vain(*arguments).splitlines()
    assert line.startswith("warrener: ")
    return line.removeprefix("warrener: ")


def test_it_says_where_it_listens_and_that_it_is_ready_and_ends_in_order(processes, tmp_path):
    process = Process("--data", str(tmp_path / "data"))
    processes.append(process)
    (address,) = process.listening
    scheme, _, port = address.rpartition(":")
    assert scheme == "amqp://127.0.0.1"
    assert 0 < int(port) < 65536
    assert process.end() == 0
    assert "Traceback" not in process.errors


def test_the_log_begins_with_what_runs_where_and_tells_what_was_recovered(processes, tmp_path):
    for _ in range(2):
        process = Process("--data", str(tmp_path / "data"))
        processes.append(process)
        assert process.end() == 0
    said = [line.partition("warrener: ")[2] for line in process.errors.splitlines()]
    assert said[0] == (
        f"Warrener {__version__}, process {process.number}: data in {tmp_path}/data, sync always"
    )
    assert re.fullmatch(r"recovered 0 queues and 0 messages in [\d.]+ s: 3 records, .*", said[1])
    assert said[2:] == ["ending on SIGTERM", "ended in order"]


def test_selectors_are_prepared_before_the_first_comes(processes, monkeypatch):
    monkeypatch.setenv("PYTHONPROFILEIMPORTTIME", "1")
    process = Process("--memory")
    processes.append(process)
    assert process.end() == 0
    assert "warrener.exchange.filters.grammar" in process.errors


def test_messages_that_last_are_there_after_a_restart(processes, tmp_path):
    one = Process("--data", str(tmp_path / "data"))
    processes.append(one)
    with one.connect() as connection:
        channel = connection.channel()
        channel.queue_declare("q", durable=True)
        channel.confirm_delivery()
        channel.basic_publish("", "q", b"1", pika.BasicProperties(delivery_mode=2))
        channel.basic_publish("", "q", b"2")
    assert one.end() == 0
    other = Process("--data", str(tmp_path / "data"))
    processes.append(other)
    with other.connect() as connection:
        _, _, body = connection.channel().basic_get("q", auto_ack=True)
        assert body == b"1"
    assert other.end() == 0


def test_clients_are_told_of_the_end(processes):
    process = Process("--memory")
    processes.append(process)
    connection = process.connect()
    process.signal(signal.SIGINT)
    with pytest.raises(pika.exceptions.ConnectionClosedByBroker) as told:
        connection.process_data_events(time_limit=PATIENCE_S)
    assert told.value.reply_code == 320
    assert process.wait() == 0


def test_a_name_may_stand_for_several_addresses(processes):
    process = Process("--memory", "--host", "localhost")
    processes.append(process)
    assert {address.rpartition(":")[0] for address in process.listening} <= {
        "amqp://127.0.0.1",
        "amqp://[::1]",
    }
    assert process.end() == 0


def test_it_starts_with_a_topology(processes, tmp_path):
    file = tmp_path / "topology.yaml"
    file.write_text("queues: [{ name: q, max-length: 5 }]")
    for _ in range(2):
        process = Process("--data", str(tmp_path / "data"), "--topology", str(file))
        processes.append(process)
        with process.connect() as connection:
            connection.channel().queue_declare("q", passive=True)
        assert process.end() == 0


def test_a_topology_with_errors_keeps_it_from_starting_and_all_are_shown(tmp_path):
    file = tmp_path / "topology.yaml"
    file.write_text("queues: [{ name: q, durabel: 1 }]\nx: 1")
    ended = start_in_vain("--memory", "--port", "0", "--topology", str(file))
    assert f"{file}:1:21: error[T012]: unknown key 'durabel'" in ended
    assert f"{file}:2:1: error[T012]: unknown key 'x'" in ended


def test_a_topology_that_would_replace_something_keeps_it_from_starting(processes, tmp_path):
    file = tmp_path / "topology.yaml"
    data = str(tmp_path / "data")
    file.write_text("queues: [{ name: q }]")
    process = Process("--data", data, "--topology", str(file))
    processes.append(process)
    assert process.end() == 0
    file.write_text("queues: [{ name: q, max-length: 5 }]")
    ended = start_in_vain("--data", data, "--port", "0", "--topology", str(file))
    assert "-/+ queue 'q' in '/'" in ended
    assert "nobody has agreed to replace" in ended


def test_definitions_do_not_keep_it_from_starting_unless_nothing_may_be_left_out(
    processes, tmp_path
):
    file = tmp_path / "definitions.json"
    data = str(tmp_path / "data")
    for length in ("5", "6"):
        file.write_text(
            '{"rabbit_version": "3.5.7", "queues": [{"name": "q", "arguments": '
            f'{{"x-max-length": {length}}}}}, {{"name": "s", "type": "stream"}}, 5]}}'
        )
        process = Process("--data", data, "--topology", str(file))
        processes.append(process)
        with process.connect() as connection:
            connection.channel().queue_declare("q", passive=True)
        assert process.end() == 0
    more = ("--port", "0", "--topology-strict", "--topology", str(file))
    ended = start_in_vain("--data", data, *more)
    assert "error[T040]: queue 's' in '/' is left out: streams are not supported" in ended
    assert "2 errors" in ended


def test_the_management_api_is_there_where_it_says(processes):
    process = Process("--memory", "--http-port", "0")
    processes.append(process)
    amqp, http = process.listening
    assert amqp.startswith("amqp://127.0.0.1:")
    client = ManagementClient(http)
    with process.connect():
        assert client.get("/api/overview")["object_totals"]["connections"] == 1
    # An open connection of HTTP does not keep the broker from ending.
    assert process.end() == 0
    client.close()


def test_with_a_certificate_the_management_api_is_there_under_tls_and_reads_it_again(
    processes, tmp_path
):
    authority = trustme.CA()
    path = tmp_path / "certificate.pem"
    trust = ssl.create_default_context()
    authority.configure_trust(trust)

    def certify() -> trustme.LeafCert:
        issued = authority.issue_cert("localhost", "127.0.0.1")
        issued.private_key_and_cert_chain_pem.write_to_path(str(path))
        return issued

    certify()
    ports = ("--http-port", "0", "--https-port", "0", "--tls-port", "0")
    process = Process("--memory", *ports, "--tls-certificate", str(path))
    processes.append(process)
    assert [url.partition(":")[0] for url in process.listening] == [
        *("amqp", "amqps", "http", "https")
    ]
    api = ManagementClient(process.listening[3], context=trust)
    shown = [(each["protocol"], each["port"]) for each in api.get("/api/overview")["listeners"]]
    assert shown == [
        (name, int(url.rpartition(":")[2]))
        for name, url in zip(("amqp", "amqp/ssl", "http", "https"), process.listening, strict=True)
    ]
    second = certify()
    process.signal(signal.SIGHUP)
    wanted = ssl.PEM_cert_to_DER_cert(second.cert_chain_pems[0].bytes().decode())
    until = time.monotonic() + PATIENCE_S
    for url in (process.listening[1], process.listening[3]):
        while shown_certificate(url, trust) != wanted:
            assert time.monotonic() < until
    api.close()
    assert process.end() == 0


def shown_certificate(url: str, trust: ssl.SSLContext) -> bytes | None:
    """What a broker shows to whoever connects there."""
    port = int(url.rpartition(":")[2])
    with (
        socket.create_connection(("127.0.0.1", port), PATIENCE_S) as sock,
        trust.wrap_socket(sock, server_hostname="localhost") as tls,
    ):
        return tls.getpeercert(binary_form=True)


def test_a_port_for_http_that_somebody_has_chosen_must_be_free():
    (listener,) = open_listeners("127.0.0.1", 0)
    port = str(listener.getsockname()[1])
    with listener:
        line = refused("--memory", "--port", "0", "--http-port", port)
        assert line.startswith(f"127.0.0.1:{port} is in use")
        assert "--http-port" in line


def test_a_port_for_http_that_nobody_has_chosen_may_be_taken(caplog, monkeypatch):
    (listener,) = open_listeners("127.0.0.1", 0)
    port = listener.getsockname()[1]
    config = Config(http_port=port)
    monkeypatch.setattr(serve, "DEFAULTS", config)
    with listener:
        assert serve.listen_for_http(config, "http_port", None, chosen=False) == []
        assert "no management API: 127.0.0.1" in caplog.text
        with pytest.raises(CommandError):
            serve.listen_for_http(config, "http_port", None, chosen=True)


def test_a_port_in_use_is_told_in_one_line():
    (listener,) = open_listeners("127.0.0.1", 0)
    port = str(listener.getsockname()[1])
    with listener:
        assert refused("--memory", "--port", port).startswith(f"127.0.0.1:{port} is in use")


def test_a_directory_in_use_is_told_in_one_line(tmp_path):
    lock = DirectoryLock(str(tmp_path))
    line = refused("--data", str(tmp_path), "--port", "0")
    assert line.startswith(f"{tmp_path} is in use by process {os.getpid()}")
    lock.release()


def test_a_directory_that_cannot_be_used_is_told_in_one_line(tmp_path):
    (tmp_path / "file").touch()
    line = refused("--data", str(tmp_path / "file"), "--port", "0")
    assert str(tmp_path / "file") in line


@pytest.mark.skipif(os.geteuid() == 0, reason="nothing is forbidden to root")
def test_a_directory_that_must_not_be_read_is_told_in_one_line(tmp_path):
    tmp_path.chmod(0)
    assert "Permission denied" in refused("--data", str(tmp_path / "data"), "--port", "0")


def test_an_unknown_option_in_the_configuration_is_told_in_one_line(tmp_path):
    path = tmp_path / "warrener.toml"
    path.write_text("prot = 5672\n")
    assert refused("--config", str(path)) == f"{path}: unknown option 'prot'"


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (["--config", "/nowhere.toml"], "cannot read /nowhere.toml: No such file or directory"),
        (["--port", "70000"], "option 'port' must be from 0 to 65535"),
        (["--port=-1"], "option 'port' must be from 0 to 65535"),
        (["--log-level", "loud"], "option 'log_level' must be one of debug, info, warning, error"),
        (["--frame-max-bytes", "100"], "option 'frame_max_bytes' must be from 4096 to 4294967295"),
        (["--channel-max", "0"], "option 'channel_max' must be from 1 to 65535"),
        (["--heartbeat-s=-1"], "option 'heartbeat_s' must be from 0 to 65535"),
    ],
)
def test_a_value_that_cannot_be_used_is_told_before_anything_is_done(capsys, arguments, expected):
    assert main(["serve", *arguments]) == 1
    assert capsys.readouterr() == ("", f"warrener: {expected}\n")


def test_an_option_that_is_not_known_is_told_with_the_usage(capsys):
    with pytest.raises(SystemExit) as ended:
        main(["serve", "--prot", "1"])
    assert ended.value.code == 2
    assert "unrecognized arguments: --prot 1" in capsys.readouterr().err


def test_help_has_every_option_with_its_meaning_and_its_default(capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", "200")
    with pytest.raises(SystemExit) as ended:
        main(["serve", "--help"])
    assert ended.value.code == 0
    words = " ".join(capsys.readouterr().out.split())
    assert "--config FILE" in words
    for option in fields(Config):
        assert f"--{option.name.replace('_', '-')} " in words
        assert option.metadata["meaning"] in words
        if option.default is not False:
            assert f"{option.metadata['meaning']} (default: {option.default})" in words


def test_whoever_publishes_while_the_disk_is_short_is_told_why_nothing_happens(processes, tmp_path):
    data = str(tmp_path / "data")
    process = Process("--data", data, "--disk-free-mark-bytes", str(1 << 60))
    processes.append(process)
    with process.connect() as connection:
        connection.channel().queue_declare("q", durable=True)
    arguments = ("pub", "-k", "q", "-n", "100000", "--url", process.listening[0], "x" * 100)
    with subprocess.Popen(
        [sys.executable, "-m", "warrener", *arguments], stderr=subprocess.PIPE, text=True
    ) as publisher:
        assert publisher.stderr is not None
        with limit("the publisher to say why nothing happens"):
            told = publisher.stderr.readline()
        publisher.kill()
    assert told == (
        "warrener: the broker takes no messages for now: low on disk; "
        "waiting until it does, or Ctrl-C\n"
    )
    assert process.end() == 0
    assert "less than disk_free_mark_bytes" in process.errors
