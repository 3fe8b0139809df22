"""``python -m dualact``: the same as the command ``dualact``."""

import sys

from .cli import main

if __name__ == "__main__":
    sys.exit(main())
