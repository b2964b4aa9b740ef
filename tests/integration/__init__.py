"""The whole of dyups: real processes, real sockets, real files.

running      a prefix folder with a configuration on free ports, and the ``twistd`` that serves it
wires        clients and servers in the test's own reactor
conftest     the fixtures
test_*       by what a user sees

Only pytest runs these (trial sees no TestCase here).  Nothing waits by sleeping: ``running.until`` polls, with a bound.
"""
