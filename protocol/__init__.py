"""Bytes on a wire: AMQP 0-9-1 without I/O."""

if __name__ != "warrener.protocol":
    raise ImportError(
        "import warrener.protocol: the folder protocol/ is only reachable under that name"
    )
