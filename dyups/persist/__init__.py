"""What survives a crash: the dump file and its journal.

    files      the few calls to the operating system, so that tests can make each of them fail
    journal    ``PATH.journal``: the acknowledged commands since the dump
    dumpfile   ``PATH``: nginx ``upstream`` blocks with a sequence number and a checksum
    store      journal and dump together: what ``control.change`` writes to
    reload     configuration, dump and journal to upstreams, at start
    watch      a dump file that a third party replaces (``dyups_dump off``)

Nothing here knows what is done with an upstream; what a journal record says is ``control.command``'s, and its
decoder is handed in.  ``docs/persistence.rst`` tells the user's side.
"""
