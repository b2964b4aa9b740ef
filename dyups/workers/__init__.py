"""Processes, and the only place that wires everything.

process   one process that serves: map, change path, listeners, as a Twisted service
dialing   the data plane's way out through the reactor
"""
