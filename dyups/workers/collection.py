"""Python's garbage collector, set for a process that serves.

Nearly all that a request leaves behind is freed at once, by counting references; the collector is for the rest, which
is a little per connection.  ``truth`` and ``snapshot`` call this when the upstream map is made.
"""

from __future__ import annotations

import gc

#: Objects that may be made and not freed before the collector looks, and how often it looks at the older ones.
#: Python's own 700 makes it look at every few dozen new connections, at a tenth of what those cost.
THRESHOLDS = (20_000, 20, 100)


def settle() -> None:
    """What is there now mostly stays: the collector need not walk it again and again while requests are served."""
    gc.freeze()
    gc.set_threshold(*THRESHOLDS)
