"""The broker: a core without I/O, and the shells around it that serve and start it."""

if __name__ != "warrener.exchange":
    raise ImportError(
        "import warrener.exchange: the folder exchange/ is only reachable under that name"
    )
