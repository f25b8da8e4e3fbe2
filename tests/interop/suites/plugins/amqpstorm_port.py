"""A pytest plugin that has AMQPStorm's tests connect to the port in AMQP_URI, not to 5672."""

from urllib.parse import urlsplit

from amqpstorm import Connection
from amqpstorm.tests import URI

PORT = urlsplit(URI).port
make = Connection.__init__


def make_at_port(self, hostname, username, password, port=PORT, **options):
    make(self, hostname, username, password, port=port, **options)


Connection.__init__ = make_at_port
