"""Processes, and the only place that wires everything.

process    one process that serves: map, change path, listeners, as a Twisted service
listening  its listening sockets, all or none
dialing    the data plane's way out through the reactor
pidfile    the number of the process in a file
"""
