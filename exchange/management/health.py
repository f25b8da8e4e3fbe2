"""Health checks: 200 with "ok", or 503 with what is wrong, for whoever starts and stops brokers."""

from __future__ import annotations

from typing import Any

from warrener.exchange.access.requirements import require_queue_declare
from warrener.exchange.channel import Channel
from warrener.exchange.management.call import NOBODY, Call, answer
from warrener.exchange.management.messages import FRAME_BYTES, Collector
from warrener.exchange.management.node import node_name
from warrener.exchange.message import Envelope, Message
from warrener.protocol.frames import content_frames
from warrener.protocol.http.errors import BadRequest, TargetNotFound
from warrener.protocol.http.response import Response
from warrener.protocol.properties import Properties, encode_properties

OK = {"status": "ok"}
ALIVENESS_QUEUE = "aliveness-test"
PROTOCOLS = {
    "amqp091": "amqp",
    "amqp0.9.1": "amqp",
    "amqp": "amqp",
    "http": "http",
    "https": "https",
}
UNITS = ("days", "weeks", "months", "years")


def failed(reason: str, **details: Any) -> Response:
    return answer({"status": "failed", "reason": reason, **details}, 503)


def is_well(call: Call) -> Response:
    """That this is answered is all there is to it."""
    return answer(OK)


def is_not_critical(call: Call) -> Response:
    return answer(OK | {"reason": "single node cluster"})


def check_alarms(call: Call) -> Response:
    alarms = call.application.server.alarms
    if alarms:
        return failed(
            f"There are alarms in effect in the cluster: {', '.join(alarms)}",
            alarms=[{"node": node_name(), "resource": resource} for resource in alarms],
        )
    return answer(OK)


def check_node(call: Call) -> Response:
    if call.path["node"] != node_name():
        raise TargetNotFound("Not Found")
    return check_alarms(call)


def check_port(call: Call) -> Response:
    try:
        port = int(call.path["port"])
    except ValueError:
        raise BadRequest("Invalid port") from None
    ports = [p for each in call.application.listening.values() for _, p in each]
    if port in ports:
        return answer(OK | {"port": port})
    return failed("No active listener", missing=port, ports=ports)


def check_protocol(call: Call) -> Response:
    wanted = call.path["protocol"]
    protocol = PROTOCOLS.get(wanted, wanted)
    known = [name for name, found in call.application.listening.items() if found]
    if protocol in known:
        return answer(OK | {"protocol": protocol})
    return failed("No active listener", missing=wanted, protocols=known)


def check_certificates(call: Call) -> Response:
    """Without TLS there is no certificate that could expire."""
    if not call.path["within"].isdecimal() or call.path["unit"] not in UNITS:
        raise BadRequest("Invalid expiration value.")
    return answer(OK)


def check_aliveness(call: Call) -> Response:
    """Declare a queue, publish to it, and get the message."""
    vhost, rights = call.vhost, call.rights
    require_queue_declare(rights, vhost, ALIVENESS_QUEUE, {})
    rights.require_write("exchange", "")
    rights.require_read("queue", ALIVENESS_QUEUE)
    queue = vhost.declare_queue(ALIVENESS_QUEUE, NOBODY)
    raw = encode_properties()
    content = content_frames(raw, b"test_message", 1, FRAME_BYTES)
    message = Message(Envelope("", ALIVENESS_QUEUE), Properties(raw), content, 1)
    route = vhost.route("", ALIVENESS_QUEUE, message.properties)
    vhost.publish(route, [message], len(content))
    alive = Channel(Collector()).get(queue, no_ack=True)
    return answer(OK) if alive else failed("no message")
