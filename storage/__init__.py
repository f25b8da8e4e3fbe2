"""Bytes that last: a log of records, in segments on disk or in memory."""

if __name__ != "warrener.storage":
    raise ImportError(
        "import warrener.storage: the folder storage/ is only reachable under that name"
    )
