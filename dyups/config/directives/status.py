"""The contents that tell what was counted."""

from __future__ import annotations

from dyups.config.directives.entry import Context, Entry, structure
from dyups.config.directives.kinds import NOTHING, words
from dyups.config.model import Location

ENTRIES: tuple[Entry, ...] = (
    structure(
        "dyups_status",
        Context.LOCATION,
        NOTHING,
        "Answers with JSON: connections, requests, and for every server its state, requests, failures, answers by "
        "class and how long they took, summed over all workers.  Closed to the outside as ``dyups_interface`` is.",
        owner=Location,
        attribute="content",
    ),
    structure(
        "stub_status",
        Context.LOCATION,
        words("", 0, 1),
        "Answers with nginx's text about connections and requests, summed over all workers.",
        owner=Location,
        attribute="content",
    ),
)
