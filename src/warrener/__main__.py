"""The command line, as `warrener` or `python -m warrener`."""

import sys

from warrener.exchange.commands import main

if __name__ == "__main__":
    sys.exit(main())
