"""The dynamic map: what the data plane reads and the control plane writes.

    peer      one server address and its live state, kept across changes
    group     one upstream: peers and balancer, replaced whole and never edited
    verdicts  what health checks found, on the peers
    map       name to group: replace, delete, list
    resolve   host names to addresses, before a group is built

Everything here runs on one thread and does no I/O but ``resolve``, which looks names up.
"""
