"""Names that rabbitmqctl has."""

ALIASES: dict[str, str] = {}


def spelled_out(argv: list[str]) -> list[str]:
    return argv
