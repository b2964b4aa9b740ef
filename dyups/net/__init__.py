"""The network floor: a Twisted reactor whose streams are uvloop's own, and the sockets it listens on.

Parts, from the ground up:

- ``reasons``    why a connection ended or never began, as Twisted's failures.
- ``pull``       pull producers, resumed for as long as there is room.
- ``bridge``     one connection: a uvloop transport seen as a Twisted transport.
- ``secured``    the same after ``startTLS``.
- ``ports``      listening ports; they make bridges.
- ``connectors`` outgoing connections and adopted ones; they make bridges too.
- ``children``   signals, SIGCHLD among them.
- ``reactor``    the reactor that puts them together; ``install`` makes it Twisted's.
- ``choose``     installs that reactor where uvloop is there, else leaves Twisted's own.
- ``sockets``    opens listening sockets for ``adoptStreamPort``; knows nothing of reactors.

Only ``reactor`` imports uvloop.  Nobody outside this package imports more than ``choose``, ``sockets`` and, through
Twisted's plugin, ``reactor``: protocols see Twisted's interfaces alone.
"""
