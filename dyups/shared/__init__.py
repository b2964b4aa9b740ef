"""Memory that the master and its workers share: how changes of the upstreams travel.

    memory   files without a name, which children inherit by descriptor
    log      the ring of records: one writer, any number of readers, each at its own place
    slots    what each reader says of itself: process, place, heartbeat, digest
    zone     header, slots and ring in one region: ``dyups_shm_zone_size``

Whoever reads here trusts nothing that it reads: everything is checked against bounds and checksums, so that a process
killed at any instruction harms nobody else.  Nothing here knows what a record says.  ``workers`` makes zones,
``control.follow`` reads them.
"""
