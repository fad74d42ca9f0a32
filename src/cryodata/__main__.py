"""``python -m cryodata`` is the command ``cryodata``."""

import sys

from cryodata.cli import main

if __name__ == "__main__":
    sys.exit(main())
