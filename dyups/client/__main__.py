"""``python -m dyups.client``: the ``dyups-ctl`` command."""

import sys

from dyups.client.command import main

if __name__ == "__main__":
    sys.exit(main())
