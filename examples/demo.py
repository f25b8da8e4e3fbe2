"""The story of `warrener demo`, with a client that knows nothing of this project: pika.

    python examples/demo.py                     starts a broker of its own and ends it
    python examples/demo.py --url amqp://...    only the steps that need no power over the broker

The steps are those of exchange/demo/story.py, the options those of the command. The exit status is
0 only if every step held.
"""

import sys

from pika_client import PikaClient

from warrener.exchange.commands.demo import main

if __name__ == "__main__":
    sys.exit(main(PikaClient))
