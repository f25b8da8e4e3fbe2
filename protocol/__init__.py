if __name__ != "warrener.protocol":
    raise ImportError(
        "import warrener.protocol: the folder protocol/ is only reachable under that name"
    )
