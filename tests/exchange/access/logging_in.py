"""A login of somebody who can wait for the check."""

from warrener.exchange.access.users import User, Users


def log_in(users: Users, name: str, password: str) -> User | None:
    login = users.login(name, password)
    return login.user or users.finish(login, login.check())
