"""Forwarding: tests of :mod:`dyups.proxy.forward`."""
