"""The rewrite phase: tests of :mod:`dyups.proxy.rewrite`."""
