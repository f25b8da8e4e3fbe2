if __name__ != "warrener.storage":
    raise ImportError(
        "import warrener.storage: the folder storage/ is only reachable under that name"
    )
