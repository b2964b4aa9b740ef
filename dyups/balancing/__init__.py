"""Choosing a peer: one module per method, no I/O, no clock of its own.

A balancer belongs to one group and sees its candidates only through :class:`~dyups.balancing.base.Candidate`.
``upstream.group`` asks it for a peer; what became of the request is told to the candidate, not to the balancer.
"""
