"""The directives of the dyups module itself."""

from __future__ import annotations

from dyups.config.directives.entry import Context, Entry, Merge, setting, structure
from dyups.config.directives.kinds import FLAG, NOTHING, PATH, SIZE, TIME
from dyups.config.model import DyupsSettings, Location

# The seed says 'main' and shows them in 'http'; both are taken.
_BOTH = Context.MAIN | Context.HTTP

ENTRIES: tuple[Entry, ...] = (
    structure(
        "dyups_interface",
        Context.LOCATION,
        NOTHING,
        "Answers requests to this location with the admin interface, where upstreams are listed, changed and "
        "deleted.",
        owner=Location,
        attribute="content",
    ),
    setting(
        "dyups_api",
        _BOTH,
        FLAG,
        DyupsSettings,
        "off",
        "Whether scripts in this process (``dyups.update_upstream``, Lua's ``ngx.dyups``) may change upstreams; "
        "a ``dyups_interface`` anywhere means ``on``.  Otherwise they get 405 ``API disabled``.",
        merge=Merge.NONE,
    ),
    setting(
        "dyups_dump",
        _BOTH,
        FLAG,
        DyupsSettings,
        "on",
        "Whether dyups itself writes the file of ``dyups_upstream_conf`` after changes; ``off`` leaves that to a "
        "third party, as the C module did.",
        merge=Merge.NONE,
    ),
    setting(
        "dyups_literal_targets",
        _BOTH,
        FLAG,
        DyupsSettings,
        "off",
        "Whether a ``proxy_pass`` with variables may reach a literal address that is no known upstream.  With "
        "``proxy_pass http://$host`` this makes the server an open proxy into the local network.",
        merge=Merge.NONE,
    ),
    setting(
        "dyups_read_msg_log",
        _BOTH,
        FLAG,
        DyupsSettings,
        "off",
        "Whether each worker writes a line to the error log, at level ``info``, for every change that it has read.",
        merge=Merge.NONE,
    ),
    setting(
        "dyups_read_msg_timeout",
        _BOTH,
        TIME,
        DyupsSettings,
        "1s",
        "How often a worker looks for changes in shared memory even if nobody told it of one; how long a change "
        "waits for room in it; and, with two seconds more, how long for a worker that has fallen silent.",
        merge=Merge.NONE,
    ),
    setting(
        "dyups_shm_zone_size",
        _BOTH,
        SIZE,
        DyupsSettings,
        "2m",
        "The size of the shared memory through which changes reach the workers: the largest change must fit.",
        merge=Merge.NONE,
    ),
    setting(
        "dyups_trylock",
        _BOTH,
        FLAG,
        DyupsSettings,
        "off",
        "Whether a change that meets another one under way is answered 409 at once instead of waiting its turn.",
        merge=Merge.NONE,
    ),
    setting(
        "dyups_upstream_conf",
        _BOTH,
        PATH,
        DyupsSettings,
        "",
        "The dump: the file that keeps the upstreams across restarts, relative to the prefix.  An ``include`` of "
        "it before it exists counts as empty.",
        merge=Merge.NONE,
    ),
)
