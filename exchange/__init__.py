if __name__ != "warrener.exchange":
    raise ImportError(
        "import warrener.exchange: the folder exchange/ is only reachable under that name"
    )
