"""TLS of connections: tests of :mod:`dyups.proxy.secure`."""
