"""Which reactor the process runs on, where the user named none.

Owns the choice and the fall-back; it imports neither uvloop nor any reactor before it has to.  ``tap`` calls
:func:`install_preferred` while it reads the command line, which is the last moment: whatever imports
``twisted.internet.reactor`` first settles the matter.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from enum import Enum
from importlib import import_module
from typing import Any


class Choice(Enum):
    """What came of :func:`install_preferred`; the values are for the log."""

    PREFERRED = "the dyups-uvloop reactor"
    CHOSEN_BEFORE = "the reactor that was installed already"
    NO_UVLOOP = "Twisted's default reactor, because uvloop cannot be imported"


def install_preferred(
    modules: Mapping[str, Any] = sys.modules,
    load: Callable[[str], Any] = import_module,
) -> Choice:
    """Install the uvloop reactor if uvloop is there and no reactor is installed yet; else change nothing.

    ``modules`` are the modules imported so far and ``load`` imports one more; both are arguments for tests.
    """
    if "twisted.internet.reactor" in modules:
        return Choice.CHOSEN_BEFORE
    try:
        reactor = load("dyups.net.reactor")
    except ImportError:
        return Choice.NO_UVLOOP
    reactor.install()
    return Choice.PREFERRED
