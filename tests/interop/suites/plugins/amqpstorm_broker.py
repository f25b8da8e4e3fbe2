"""A pytest plugin that has AMQPStorm's functional tests need nothing but AMQP.

They expect the broker at port 5672, and remove their queues and exchanges by the management API.
Here they take the port in AMQP_URI, and remove them by a connection of their own.
"""

from urllib.parse import urlsplit

from amqpstorm import AMQPChannelError, UriConnection
from amqpstorm.tests import URI
from amqpstorm.tests.functional import utility

make_connection = utility.TestFunctionalFramework._make_connection


def make_connection_to_broker(self, **options):
    return make_connection(self, port=urlsplit(URI).port, **options)


def remove(names, queue=False, exchange=False):
    with UriConnection(URI) as connection:
        for name in names:
            if queue:
                try_to(connection, lambda channel, name=name: channel.queue.delete(name))
            if exchange:
                try_to(connection, lambda channel, name=name: channel.exchange.delete(name))


def try_to(connection, request):
    """What is still in use stays, as it does when the management API refuses."""
    channel = connection.channel()
    try:
        request(channel)
    except AMQPChannelError:
        return
    channel.close()


utility.TestFunctionalFramework._make_connection = make_connection_to_broker
utility.clean = remove
