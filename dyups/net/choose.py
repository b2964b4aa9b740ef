"""Which reactor runs: uvloop's where nobody chose one and it is there, else Twisted's default."""

from __future__ import annotations

import sys


def install_preferred() -> bool:
    """Install the uvloop reactor unless a reactor is installed already or uvloop is missing; True if it was."""
    if "twisted.internet.reactor" in sys.modules:
        return False
    try:
        from dyups.net.reactor import install
    except ImportError:
        return False
    install()
    return True
