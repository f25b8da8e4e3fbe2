"""What tx.* and confirm.* ask of the broker: how a channel's publishes are made safe."""

from __future__ import annotations

from typing import TYPE_CHECKING

from warrener.exchange.errors import PreconditionFailed
from warrener.exchange.server.transaction import Commit, Transaction
from warrener.protocol import methods as m
from warrener.protocol.codec import Method

if TYPE_CHECKING:
    from warrener.exchange.server.channel import ServerChannel


def confirm_select(channel: ServerChannel, method: m.ConfirmSelect) -> Method:
    if channel.transaction is not None:
        raise PreconditionFailed("cannot switch from tx to confirm mode")
    channel.confirming = True
    return m.ConfirmSelectOk()


def tx_select(channel: ServerChannel, method: m.TxSelect) -> Method:
    if channel.confirming:
        raise PreconditionFailed("cannot switch from confirm to tx mode")
    channel.transaction = channel.transaction or Transaction(channel)
    return m.TxSelectOk()


def tx_commit(channel: ServerChannel, method: m.TxCommit) -> None:
    _transaction(channel).commit()
    commit = Commit(channel)
    channel.commits.append(commit)
    channel.connection.broker.confirms.note(commit)


def tx_rollback(channel: ServerChannel, method: m.TxRollback) -> Method:
    _transaction(channel).rollback()
    return m.TxRollbackOk()


def _transaction(channel: ServerChannel) -> Transaction:
    if channel.transaction is None:
        raise PreconditionFailed("channel is not transactional")
    return channel.transaction
