"""`warrener peek`: look at messages that wait in a queue. They stay, marked as delivered before.

The management API has no other way to look: messages are taken and put back where they were, which
also counts for a delivery limit.
"""

from __future__ import annotations

import argparse

from warrener.exchange.commands import get

describe = get.describe


def run(arguments: argparse.Namespace) -> int:
    return get.show_messages(arguments, get.LEAVE)
