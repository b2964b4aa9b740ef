"""Choosing a peer: one module per method, no I/O, no clock of its own.

A balancer belongs to one group and sees its candidates only through :class:`~dyups.balancing.base.Candidate`.
``upstream.group`` asks it for a peer; what became of the request is told to the candidate, not to the balancer.

    base             what a balancer sees of a peer, and when a peer may be asked
    round_robin      smooth weighted round robin
    least_conn       the least busy
    least_time       the quickest; times has what was measured
    slow_start       servers that have recovered, and round robin and least_conn over them
    fallback         round robin for requests whose rule gives nobody
    hashing          ``hash KEY``
    ip_hash          by the client's address
    ketama           ``hash KEY consistent``
    consistent_hash  Tengine's
    by_chance        ``random``
    plugin           what a plugin chooses, with ``view``, the request as it sees it
    sticky           sessions, before any method; session_sticky has Tengine's
    methods          from the command to the balancer
"""
