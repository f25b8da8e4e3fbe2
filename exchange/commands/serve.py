"""`warrener serve`: start the broker and run it until it is told to stop."""

from __future__ import annotations

import argparse
import contextlib
import errno
import logging
import os
import signal
import socket
import sys
import time
from collections.abc import Callable
from dataclasses import fields
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import trio

from warrener import __version__
from warrener.exchange.broker import Broker
from warrener.exchange.commands import CommandError
from warrener.exchange.commands.log_lines import LOG_FORMAT, LineFormatter
from warrener.exchange.config import Config, ConfigError
from warrener.exchange.durability.records import head_bytes, refers_to
from warrener.exchange.durability.recovery import restore
from warrener.exchange.filters import prepare_selectors
from warrener.exchange.management.application import Application
from warrener.exchange.management.measurements import Measurements
from warrener.exchange.management.routes import ENDPOINTS
from warrener.exchange.management.server import HttpServer
from warrener.exchange.server.allocator import keep_freed_memory
from warrener.exchange.server.codec import CODEC
from warrener.exchange.server.descriptors import raise_limit
from warrener.exchange.server.entrance import Listener
from warrener.exchange.server.node_name import set_node_name
from warrener.exchange.server.server import Server, open_listeners
from warrener.exchange.server.tls import CertificateError, Certificates
from warrener.exchange.server.traffic import show_address
from warrener.storage.errors import DirectoryInUse, JournalFailed, StorageError
from warrener.storage.journal import Journal
from warrener.storage.null import NullStore
from warrener.storage.pace import Pace
from warrener.storage.store import Meaning, Store

if TYPE_CHECKING:
    from warrener.exchange.topology.loading import Topology

logger = logging.getLogger("warrener")

THREAD_SWITCH_S = 0.0001
"""How long the journal's thread waits for the interpreter when the broker is busy: with Python's
5 ms, a commit that takes 0.2 ms alone took 10 ms (tests/bench/bench_journal.py)."""
MEANING = Meaning(head_bytes, refers_to)
RESERVE_BYTES = 32 << 20
"""Set aside for a full disk: several times what can be on its way to the journal at once."""
WAIT_FOR_DISK_S = 0.0003
"""How long the broker's thread may itself wait for a sync: about what it takes to hand one over to
the journal's thread and back (docs/adr/0019-sync-in-place.md)."""
NO_PORT = -1
DEFAULTS = Config()


def describe(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--config", metavar="FILE", help="read options from a TOML file")
    for option in fields(Config):
        meaning = option.metadata["meaning"].replace("%", "%%")
        flag = "--" + option.name.replace("_", "-")
        if isinstance(option.default, bool):
            parser.add_argument(flag, action="store_const", const=True, help=meaning)
        else:
            parser.add_argument(
                flag,
                type=type(option.default),
                metavar=option.name.rpartition("_")[2].upper(),
                help=f"{meaning} (default: {option.default})",
            )


def run(arguments: argparse.Namespace) -> int:
    config = read_config(arguments)
    if config.node_name:
        name_node(config.node_name)
    log = logging.StreamHandler(sys.stderr)
    log.setFormatter(LineFormatter(LOG_FORMAT))
    logging.basicConfig(level=config.log_level.upper(), handlers=[log])
    topology = None
    if config.topology:
        # Here, because a broker without such a file does not need YAML.
        from warrener.exchange.commands.initial_topology import load_topology

        topology = load_topology(config.topology, config.topology_strict)
    keep_freed_memory()
    raise_limit()
    sys.setswitchinterval(THREAD_SWITCH_S)
    certificates = read_certificates(config)
    http = listen_for_http(config, "http_port", None, arguments.http_port is not None)
    if certificates is not None:
        chosen = arguments.https_port is not None
        http += listen_for_http(config, "https_port", certificates, chosen)
    return trio.run(serve, config, listen(config, certificates), http, topology)


def name_node(name: str) -> None:
    try:
        set_node_name(name)
    except ValueError as error:
        raise CommandError(str(error)) from error


def read_config(arguments: argparse.Namespace) -> Config:
    given = {
        option.name: value
        for option in fields(Config)
        if (value := getattr(arguments, option.name)) is not None
    }
    try:
        return Config.load(arguments.config, given)
    except ConfigError as error:
        raise CommandError(str(error)) from error


def listen(config: Config, certificates: Certificates | None) -> list[Listener]:
    """Open every port that clients of AMQP come in by."""
    listeners = [Listener(each) for each in listen_on(config.host, config.port, "--port")]
    if certificates is not None:
        tls = listen_on(config.host, config.tls_port, "--tls-port")
        listeners += [Listener(each, certificates) for each in tls]
    return listeners


def read_certificates(config: Config) -> Certificates | None:
    if not config.tls_certificate:
        return None
    try:
        return Certificates(
            config.tls_certificate,
            config.tls_key,
            config.tls_authority,
            config.tls_client_certificate,
        )
    except CertificateError as error:
        raise CommandError(str(error)) from error


def listen_on(host: str, port: int, flag: str) -> list[socket.socket]:
    where = f"{host}:{port}"
    try:
        return open_listeners(host, port)
    except OSError as error:
        if error.errno == errno.EADDRINUSE:
            raise CommandError(
                f"{where} is in use by another program; stop it or choose another {flag}"
            ) from error
        raise CommandError(f"cannot listen on {where}: {error.strerror}") from error


def listen_for_http(
    config: Config, option: str, certificates: Certificates | None, chosen: bool
) -> list[Listener]:
    """Open the port that an option names, if there is to be one.

    One that nobody has chosen may be taken: then the broker does without.
    """
    port = getattr(config, option)
    if port == NO_PORT:
        return []
    flag = "--" + option.replace("_", "-")
    try:
        return [Listener(each, certificates) for each in listen_on(config.host, port, flag)]
    except CommandError as error:
        if chosen or port != getattr(DEFAULTS, option):
            raise
        logger.warning("no management API: %s", error)
        return []


async def serve(
    config: Config,
    listeners: list[Listener],
    http_listeners: list[Listener],
    topology: Topology | None,
) -> int:
    """Run a broker on `listeners` until a signal or a failure of the store."""
    ending = Ending()
    measurements = Measurements()
    store = open_store(config, ending, measurements)
    broker = Broker(store, CODEC)
    server = Server(broker, config)
    http = HttpServer(Application(server, config, ENDPOINTS, measurements), config)
    ending.on_stored = server.stored
    introduce(config)
    # What waited until it is over its time, or unused for long, goes by the time it is now.
    server.begin_pass()
    recover(broker, store)
    if topology is not None:
        from warrener.exchange.commands.initial_topology import apply_topology

        apply_topology(broker, topology)
    with (
        trio.open_signal_receiver(signal.SIGTERM, signal.SIGINT) as signals,
        trio.open_signal_receiver(signal.SIGHUP) as hangups,
    ):
        async with trio.open_nursery() as nursery:
            nursery.start_soon(ending.on_signal, signals)
            nursery.start_soon(reload_certificates, hangups, [*listeners, *http_listeners])
            nursery.start_soon(ending.shut_down_when_told, server, http)

            def ready() -> None:
                if http_listeners:
                    server.start(partial(http.serve, http_listeners))
                announce(listeners, "amqp")
                announce(http_listeners, "http")
                print("Server startup complete", flush=True)
                # It costs 3 MiB and no wait: the first selector would hold up the loop for it, by
                # some 0.05 s to 0.6 s.
                server.start(prepare_in_thread)

            http.application.show_listeners({"amqp": listeners, "http": http_listeners})
            await server.serve(listeners, ready)
            nursery.cancel_scope.cancel()
    ending.on_stored = lambda: None
    if ending.failure is None:
        with contextlib.suppress(JournalFailed):
            # Nobody is served any more, so nobody waits for this thread.
            store.close()
    if ending.failure is None:
        logger.info("ended in order")
        return 0
    logger.critical("cannot write to %s, so the broker ends: %s", config.data, ending.failure)
    return 1


async def prepare_in_thread() -> None:
    """Prepare for the first selector, if a thread can be started for it."""
    try:
        await trio.to_thread.run_sync(prepare_selectors)
    except RuntimeError as error:
        logger.warning("the first selector will take longer: %s", error)


class Ending:
    """How a broker comes to its end: by a signal, or because its store failed.

    The store calls back from a thread of its own; what it says is taken to trio's.
    """

    def __init__(self) -> None:
        self.failure: BaseException | None = None
        self.on_stored: Callable[[], None] = lambda: None
        self._token = trio.lowlevel.current_trio_token()
        self._told = trio.Event()
        self._reason = ""

    def stored_from_thread(self) -> None:
        self._token.run_sync_soon(self._stored, idempotent=True)

    def failed_from_thread(self, error: BaseException) -> None:
        self.failure = error
        self._token.run_sync_soon(self._tell, "the broker's disk failed")

    def _stored(self) -> None:
        self.on_stored()

    def _tell(self, reason: str) -> None:
        self._reason = self._reason or reason
        self._told.set()

    async def on_signal(self, signals: Any) -> None:
        async for number in signals:
            logger.info("ending on %s", signal.Signals(number).name)
            self._tell("broker shutdown")

    async def shut_down_when_told(self, server: Server, http: HttpServer) -> None:
        await self._told.wait()
        await http.shut_down()
        await server.shut_down(self._reason)


def open_store(config: Config, ending: Ending, measurements: Measurements) -> Store:
    if config.memory:
        return NullStore()
    try:
        return Journal(
            config.data,
            sync=config.sync,
            meaning=MEANING,
            reserve_bytes=RESERVE_BYTES,
            pace=Pace(WAIT_FOR_DISK_S),
            on_durable=ending.stored_from_thread,
            on_failure=ending.failed_from_thread,
            on_written=measurements.written,
        )
    except DirectoryInUse as error:
        raise CommandError(str(error)) from error
    except ValueError as error:
        raise CommandError(f"option 'sync': {error}") from error
    except OSError as error:
        reason = "it is a file" if isinstance(error, FileExistsError) else error.strerror or error
        raise CommandError(
            f"cannot use data directory {config.data}: {reason}; choose another with --data"
        ) from error


def introduce(config: Config) -> None:
    """Say who begins, and on what: a log tells of many starts."""
    where = f"data in {Path(config.data).resolve()}, sync {config.sync}"
    kept = "nothing is kept on disk" if config.memory else where
    logger.info("Warrener %s, process %d: %s", __version__, os.getpid(), kept)


def recover(broker: Broker, store: Store) -> None:
    """Take up what the store kept, and say what was found."""
    began = time.monotonic()
    try:
        restored = restore(broker, store.recover())
    except (StorageError, OSError) as error:
        raise CommandError(f"cannot read the journal: {error}") from error
    report = store.report
    for damage in report.damaged:
        logger.error(
            "damage in %s at %d, %d bytes: %s",
            damage.file,
            damage.offset,
            damage.length,
            damage.explanation,
        )
    if not report.clean:
        logger.warning("the broker did not end in order; %d bytes cut", report.cut_bytes)
    if report.records:
        logger.info(
            "recovered %d queues and %d messages in %.2f s: %d records, %d segments",
            restored.queues,
            restored.messages,
            time.monotonic() - began,
            report.records,
            report.segments,
        )


async def reload_certificates(hangups: Any, listeners: list[Listener]) -> None:
    """Read the certificates anew at every SIGHUP; what cannot be used changes nothing."""
    held = {listener.certificates for listener in listeners if listener.certificates}
    async for _ in hangups:
        for certificates in held:
            try:
                certificates.reload()
                logger.info("certificates read again")
            except CertificateError as error:
                logger.error("certificates not read again: %s", error)


def announce(listeners: list[Listener], protocol: str) -> None:
    for listener in listeners:
        scheme = f"{protocol}s" if listener.certificates else protocol
        print(f"{scheme}://{show_address(listener.socket.getsockname()[:2])}")
