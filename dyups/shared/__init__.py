"""Memory that the master and its workers share: how changes of the upstreams travel, and what all count together.

    memory   files without a name, which children inherit by descriptor
    log      the ring of records: one writer, any number of readers, each at its own place
    slots    what each reader says of itself: process, place, heartbeat, digest
    zone     header, slots and ring in one region: ``dyups_shm_zone_size``
    table    numbers by key, for limits

    ledger     rows of cells, a column for each worker: what all count of upstreams' servers
    directory  which key has which row
    rows       a worker's hold on them: requests under way, and failures
    sessions   of ``sticky learn``

Whoever reads changes here trusts nothing that it reads: everything is checked against bounds and checksums, so that a
process killed at any instruction harms nobody else.  Nothing here knows what a record says.  ``workers`` makes zones,
``control.follow`` reads them; ``upstream.sharing`` knows what rows stand for.
"""
