"""The dynamic map: what the data plane reads and the control plane writes.

    peer      one server address and its live state, kept across changes
    group     one upstream: peers and balancer, replaced whole and never edited
    verdicts  what health checks found, on the peers
    map       name to group: replace, delete, list
    sharing   what workers count together (``zone``, ``sticky learn``)
    queue     requests that wait for a server to have room
    places    where a server listens, once names are looked up
    resolve   host names to addresses, before a group is built
    dns       asking name servers, while running
    names     what they said, as long as it holds
    following names of upstreams that are looked up again and again

Everything here runs on one thread and does no I/O but ``resolve`` and ``dns``, which look names up.
"""
