"""Access: who may call an endpoint.

RabbitMQ's tags. Each includes what stands above it, and `monitoring` may read all that there is:

    management       what the user could do over AMQP, where it has a permission
    policymaker      also policies and parameters there
    monitoring       also all connections and nodes, and the lists of every virtual host
    administrator    everything

A tag opens an endpoint and, for administrators, any virtual host. It gives no permission on what
is in it: to declare a queue, everybody needs the permission to configure it.

A browser that has once been given a password for this address sends it along with whatever any
page makes it ask here. So what a browser asks for another site may not change anything.
"""

from __future__ import annotations

import base64
import binascii
from enum import Enum
from typing import TYPE_CHECKING

from warrener.exchange.management.errors import ForeignOrigin, LoginRequired, NotAuthorised

if TYPE_CHECKING:
    from warrener.exchange.access.users import User
    from warrener.exchange.broker import Broker
    from warrener.protocol.http.request import Request

ADMINISTRATOR = "administrator"
MONITORING = "monitoring"
POLICYMAKER = "policymaker"
MANAGEMENT = "management"


class Access(Enum):
    """What it takes to call an endpoint."""

    ANYBODY = "anybody"
    MANAGEMENT = MANAGEMENT
    POLICYMAKER = POLICYMAKER
    MONITORING = MONITORING
    ADMINISTRATOR = ADMINISTRATOR
    SCRAPER = "scraper"
    """Monitors; or anybody, if the operator says so (`metrics_anonymous`)."""


_TAGS = {
    Access.MANAGEMENT: {MANAGEMENT, POLICYMAKER, MONITORING, ADMINISTRATOR},
    Access.POLICYMAKER: {POLICYMAKER, ADMINISTRATOR},
    Access.MONITORING: {MONITORING, ADMINISTRATOR},
    Access.ADMINISTRATOR: {ADMINISTRATOR},
    Access.SCRAPER: {MONITORING, ADMINISTRATOR},
}
_REFUSALS = {
    Access.MANAGEMENT: "Not management user",
    Access.POLICYMAKER: "Not policymaker user",
    Access.MONITORING: "Not monitor user",
    Access.ADMINISTRATOR: "Not administrator user",
    Access.SCRAPER: "Not monitor user",
}


def is_administrator(user: User) -> bool:
    return ADMINISTRATOR in user.tags


def is_monitor(user: User) -> bool:
    """Whether a user may see what is not its own."""
    return not _TAGS[Access.MONITORING].isdisjoint(user.tags)


def require_access(user: User, access: Access) -> None:
    """Raises: NotAuthorised for a user without any tag that would do."""
    if _TAGS[access].isdisjoint(user.tags):
        raise NotAuthorised(_REFUSALS[access])


def require_vhost(broker: Broker, user: User, vhost: str, reading: bool) -> None:
    """Raises: NotAuthorised for a user who has no business in a virtual host."""
    if is_administrator(user) or (reading and is_monitor(user)):
        return
    if not has_permission(broker, user, vhost):
        raise NotAuthorised("User not authorised to access virtual host")


def has_permission(broker: Broker, user: User, vhost: str) -> bool:
    return broker.permissions.rights(user.name, vhost).permission is not None


def require_own_origin(request: Request) -> None:
    """Raises: ForeignOrigin for what a browser asks for a page of another site.

    Browsers say so themselves, in a header that no page can set, but older ones, and those that
    came by plain HTTP, say only where the page is from. Programs say neither.
    """
    site = request.header("sec-fetch-site")
    if site:
        own = site in ("same-origin", "none")
    else:
        origin = request.header("origin")
        own = not origin or origin.partition("://")[2] == request.host != ""
    if not own:
        raise ForeignOrigin("pages of another site may not change anything here")


def read_credentials(authorization: str) -> tuple[str, str]:
    """Name and password of basic authentication. Raises: LoginRequired."""
    scheme, _, encoded = authorization.partition(" ")
    if scheme.lower() != "basic":
        raise LoginRequired("a name and a password are needed")
    try:
        name, colon, password = base64.b64decode(encoded, validate=True).decode().partition(":")
    except (binascii.Error, UnicodeDecodeError):
        raise LoginRequired("Login failed") from None
    if not colon:
        raise LoginRequired("Login failed")
    return name, password
