"""The target in this process: a `Broker` whose topology is read and changed directly.

Everything happens within the pass of the caller, so that what `apply` does is written to the
journal as one commit: after a crash it is there as a whole or not at all. Who has other things to
do in between reads by `things` and takes the steps of a plan one by one, in as many passes as he
likes.
"""

from __future__ import annotations

from collections.abc import Callable, Container, Iterator, Mapping
from typing import TYPE_CHECKING, Any

from warrener.exchange.access import limits
from warrener.exchange.access.passwords import NO_PASSWORD, hash_password
from warrener.exchange.errors import NotFound, Refused
from warrener.exchange.json_text import shown
from warrener.exchange.predeclared import PREDECLARED
from warrener.exchange.queues.queue import Queue as CoreQueue
from warrener.exchange.topology.state import (
    EXCHANGE,
    MADE_UP,
    QUEUE,
    RESERVED,
    Binding,
    Exchange,
    GlobalParameter,
    Key,
    OperatorPolicy,
    Permission,
    Policy,
    Queue,
    State,
    Thing,
    TopicPermission,
    User,
    UserLimits,
    VirtualHost,
    VirtualHostLimits,
)
from warrener.exchange.topology.target import Live, TargetError

if TYPE_CHECKING:
    from warrener.exchange import policy as policy_module
    from warrener.exchange.broker import Broker
    from warrener.exchange.vhost import VirtualHost as CoreVirtualHost

NOBODY = object()
"""Asks as a connection that owns nothing."""


class InProcess:
    """A broker in this process."""

    user: str | None = None

    def __init__(self, broker: Broker) -> None:
        self._broker = broker
        self._put: dict[type[Any], Callable[[Any], None]] = {
            VirtualHost: self._put_vhost,
            User: self._put_user,
            Permission: self._put_permission,
            TopicPermission: self._put_topic_permission,
            VirtualHostLimits: self._put_vhost_limits,
            UserLimits: self._put_user_limits,
            GlobalParameter: self._put_global_parameter,
            Exchange: self._put_exchange,
            Queue: self._put_queue,
            Binding: self._put_binding,
            Policy: self._put_policy,
            OperatorPolicy: self._put_policy,
        }

    def read(self) -> Live:
        messages: dict[Key, int] = {}
        return Live(State(self.things(messages)), messages)

    def put(self, thing: Thing) -> None:
        try:
            self._put[type(thing)](thing)
        except Refused as error:
            raise TargetError(error.text) from error

    def delete(self, thing: Thing, *, may_lose: bool) -> None:
        try:
            self._delete(thing, may_lose)
        except NotFound:
            return  # It is gone already, perhaps with what it belonged to.
        except Refused as error:
            raise TargetError(error.text) from error

    def hash_password(self, password: str) -> str:
        return hash_password(password)

    def commit(self) -> None:
        self._broker.end_pass()

    # Reading

    def things(
        self, messages: dict[Key, int], vhosts: Container[str] | None = None
    ) -> Iterator[Thing]:
        """What `read` finds, one by one; the broker may change between any two.

        Args:
            messages: is told how many messages there are in each queue that is not empty.
            vhosts: the only virtual hosts to look into, if not all of them.
        """
        broker = self._broker
        for user in tuple(broker.users):
            yield User(user.name, user.tags, user.password_hash)
            if values := _limit_names(limits.limit_fields(user.limits)):
                yield UserLimits(user.name, values)
        for permission in tuple(broker.permissions):
            p = permission
            yield Permission(p.vhost, p.user, p.configure, p.write, p.read)
        for topic in tuple(broker.permissions.topics):
            yield TopicPermission(topic.vhost, topic.user, topic.exchange, topic.write, topic.read)
        for name, value in tuple(broker.parameters):
            yield GlobalParameter(name, value)
        for vhost in tuple(broker.vhosts.values()):
            yield VirtualHost(vhost.name, vhost.description, vhost.tags)
            if values := _limit_names(limits.limit_fields(vhost.limits)):
                yield VirtualHostLimits(vhost.name, values)
            if vhosts is None or vhost.name in vhosts:
                yield from _contents(vhost, messages)
                yield from map(_described, tuple(vhost.rules))

    # Making

    def _put_vhost(self, vhost: VirtualHost) -> None:
        if vhost.name not in self._broker.vhosts:
            self._broker.add_vhost(vhost.name)
        there = self._broker.vhost(vhost.name)
        description = there.description if vhost.description is None else vhost.description
        tags = there.tags if vhost.tags is None else vhost.tags
        self._broker.describe_vhost(vhost.name, description, tags)

    def _put_user(self, user: User) -> None:
        users = self._broker.users
        if user.name not in users:
            given = NO_PASSWORD if user.password_hash is None else user.password_hash
            users.add(user.name, tags=user.tags, password_hash=given)
            return
        users.set_tags(user.name, user.tags)
        if user.password_hash is not None:
            users.change_password(user.name, password_hash=user.password_hash)

    def _put_permission(self, permission: Permission) -> None:
        p = permission
        self._broker.permissions.set(p.user, p.vhost, p.configure, p.write, p.read)

    def _put_topic_permission(self, permission: TopicPermission) -> None:
        p = permission
        self._broker.permissions.set_topic(p.user, p.vhost, p.exchange, p.write, p.read)

    def _put_vhost_limits(self, given: VirtualHostLimits) -> None:
        values = limits.VirtualHostLimits(**_field_names(given.values))
        self._broker.set_vhost_limits(given.vhost, values)

    def _put_user_limits(self, given: UserLimits) -> None:
        self._broker.users.set_limits(given.user, limits.UserLimits(**_field_names(given.values)))

    def _put_global_parameter(self, given: GlobalParameter) -> None:
        self._broker.parameters.set(given.name, given.value)

    def _put_exchange(self, exchange: Exchange) -> None:
        self._broker.vhost(exchange.vhost).declare_exchange(
            exchange.name,
            exchange.type,
            durable=exchange.durable,
            auto_delete=exchange.auto_delete,
            internal=exchange.internal,
            arguments=exchange.arguments,
        )

    def _put_queue(self, queue: Queue) -> None:
        self._broker.vhost(queue.vhost).declare_queue(
            queue.name,
            NOBODY,
            durable=queue.durable,
            auto_delete=queue.auto_delete,
            arguments=queue.arguments,
            # A name that a broker has made up may come back.
            made_up=queue.name.startswith(MADE_UP),
        )

    def _put_binding(self, binding: Binding) -> None:
        vhost = self._broker.vhost(binding.vhost)
        vhost.bind(
            binding.source, _destination(vhost, binding), binding.routing_key, binding.arguments
        )

    def _put_policy(self, policy: Policy) -> None:
        self._broker.policies.set(
            policy.vhost,
            policy.name,
            policy.pattern,
            policy.definition,
            priority=policy.priority,
            apply_to=policy.apply_to,
            operator=isinstance(policy, OperatorPolicy),
        )

    # Deleting

    def _delete(self, thing: Thing, may_lose: bool) -> None:
        broker = self._broker
        match thing:
            case Queue():
                _delete_queue(broker.vhost(thing.vhost), thing.name, may_lose)
            case Exchange():
                broker.vhost(thing.vhost).delete_exchange(thing.name)
            case Binding():
                _unbind(broker.vhost(thing.vhost), thing)
            case Permission():
                broker.permissions.clear(thing.user, thing.vhost)
            case TopicPermission():
                broker.permissions.clear_topic(thing.user, thing.vhost, thing.exchange)
            case VirtualHostLimits():
                broker.set_vhost_limits(thing.vhost, limits.VirtualHostLimits())
            case Policy():
                is_operator = isinstance(thing, OperatorPolicy)
                broker.policies.clear(thing.vhost, thing.name, operator=is_operator)
            case UserLimits():
                broker.users.set_limits(thing.user, limits.UserLimits())
            case GlobalParameter():
                broker.parameters.clear(thing.name)
            case User():
                broker.users.delete(thing.name)
            case VirtualHost():
                broker.delete_vhost(thing.name)


def _described(policy: policy_module.Policy) -> Policy:
    kind = OperatorPolicy if policy.operator else Policy
    definition = _plain_table(policy.definition)
    return kind(
        policy.vhost, policy.name, policy.pattern, definition, policy.apply_to, policy.priority
    )


def _contents(vhost: CoreVirtualHost, messages: dict[Key, int]) -> Iterator[Thing]:
    for exchange in tuple(vhost.exchanges.values()):
        if exchange.name and exchange.name not in PREDECLARED:
            yield Exchange(
                vhost.name,
                exchange.name,
                exchange.type,
                exchange.durable,
                exchange.auto_delete,
                exchange.internal,
                _plain_table(exchange.arguments),
            )
    for queue in tuple(vhost.queues.values()):
        if _lasts(queue):
            thing = Queue(
                vhost.name,
                queue.name,
                queue.durable,
                queue.auto_delete,
                _plain_table(queue.arguments),
            )
            if held := len(queue.ready) + queue.unacked:
                messages[thing.key] = held
            yield thing
    for source in tuple(vhost.exchanges.values()):
        for binding in tuple(source.bindings.values()):
            destination = binding.destination
            is_queue = isinstance(destination, CoreQueue)
            if isinstance(destination, CoreQueue) and not _lasts(destination):
                continue
            yield Binding(
                vhost.name,
                source.name,
                QUEUE if is_queue else EXCHANGE,
                destination.name,
                binding.routing_key,
                _plain_table(binding.arguments),
            )


def _lasts(queue: CoreQueue) -> bool:
    """Whether a queue is there for its own sake, and not for a connection or an exchange."""
    is_reserved = queue.name.startswith(RESERVED) and not queue.name.startswith(MADE_UP)
    return not queue.exclusive and not is_reserved


def _destination(vhost: CoreVirtualHost, binding: Binding) -> Any:
    if binding.destination_type == QUEUE:
        return vhost.queue(binding.destination, NOBODY)
    return vhost.exchange(binding.destination)


def _delete_queue(vhost: CoreVirtualHost, name: str, may_lose: bool) -> None:
    queue = vhost.queues.get(name)
    if queue is not None and not may_lose and queue.unacked:
        raise TargetError(f"queue '{name}' in vhost '{vhost.name}' not empty")
    vhost.delete_queue(name, NOBODY, if_empty=not may_lose)


def _unbind(vhost: CoreVirtualHost, binding: Binding) -> None:
    places: Mapping[str, Any] = (
        vhost.queues if binding.destination_type == QUEUE else vhost.exchanges
    )
    destination = places.get(binding.destination)
    if destination is None or binding.source not in vhost.exchanges:
        return
    # Not by the arguments as they are here: a client may have given other types.
    same_ends = (
        each
        for each in vhost.bindings_to(destination)
        if each.source.name == binding.source and each.routing_key == binding.routing_key
    )
    for each in same_ends:
        if _key_of(vhost, each) == binding.key:
            vhost.unbind(binding.source, destination, each.routing_key, each.arguments)
            return


def _key_of(vhost: CoreVirtualHost, binding: Any) -> Key:
    kind = QUEUE if isinstance(binding.destination, CoreQueue) else EXCHANGE
    arguments = _plain_table(binding.arguments)
    name = binding.destination.name
    return Binding(vhost.name, binding.source.name, kind, name, binding.routing_key, arguments).key


def _plain_table(arguments: Mapping[str, Any]) -> dict[str, Any]:
    return {key: _plain(value) for key, value in arguments.items()} if arguments else {}


def _plain(value: Any) -> Any:
    """A value of AMQP as a file can have it: dates are numbers, bytes are escaped text."""
    if value is None or isinstance(value, bool | str):
        return value
    if isinstance(value, int):
        return int(value)
    if isinstance(value, Mapping):
        return _plain_table(value)
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    if isinstance(value, bytes | bytearray):
        return bytes(value).decode("utf-8", "backslashreplace")
    return shown(float(value))


def _limit_names(values: Mapping[str, int]) -> dict[str, int]:
    return {name.replace("_", "-"): value for name, value in values.items()}


def _field_names(values: Mapping[str, int]) -> dict[str, int]:
    return {name.replace("-", "_"): value for name, value in values.items()}
