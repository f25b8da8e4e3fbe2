"""A publisher made of pika that keeps many messages on the way and knows which of them are safe."""

from collections.abc import Sequence

import pika

from warrener.exchange.demo.client import WINDOW, OnConfirmed, Outgoing, Published


class Publisher:
    """Publishes with confirms without waiting for one before it sends the next."""

    def __init__(self, url: str, messages: Sequence[Outgoing], on_confirmed: OnConfirmed) -> None:
        self._published = Published()
        self._on_confirmed = on_confirmed
        self._messages = iter(enumerate(messages, 1))
        self._unconfirmed: dict[int, str] = {}
        self._channel: pika.channel.Channel | None = None
        self._connection = pika.SelectConnection(
            pika.URLParameters(url),
            on_open_callback=lambda connection: connection.channel(on_open_callback=self._begin),
            on_open_error_callback=self._on_lost,
            on_close_callback=self._on_lost,
        )

    def run(self) -> Published:
        """Returns when everything is answered or the connection is lost."""
        self._connection.ioloop.start()
        return self._published

    def _begin(self, channel: pika.channel.Channel) -> None:
        self._channel = channel
        channel.confirm_delivery(self._on_answer, callback=lambda _: self._fill_the_window())

    def _fill_the_window(self) -> None:
        assert self._channel is not None
        while len(self._unconfirmed) < WINDOW:
            tag, message = next(self._messages, (0, None))
            if message is None:
                break
            self._unconfirmed[tag] = message.id
            self._channel.basic_publish(
                message.exchange,
                message.key,
                message.body,
                pika.BasicProperties(**message.properties),
            )
        if not self._unconfirmed:
            self._connection.close()

    def _on_answer(self, frame: pika.frame.Method) -> None:
        method = frame.method
        settled = [
            self._unconfirmed.pop(tag)
            for tag in self._settled_tags(method.delivery_tag, method.multiple)
        ]
        if isinstance(method, pika.spec.Basic.Ack):
            self._published.confirmed += settled
            self._on_confirmed(len(self._published.confirmed))
        else:
            self._published.refused += len(settled)
        if len(self._unconfirmed) < WINDOW // 2:
            self._fill_the_window()

    def _settled_tags(self, tag: int, multiple: bool) -> list[int]:
        return [each for each in self._unconfirmed if each <= tag] if multiple else [tag]

    def _on_lost(self, *_: object) -> None:
        self._connection.ioloop.stop()
