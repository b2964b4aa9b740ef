"""What is changed on the way: tests of :mod:`dyups.proxy.filters`."""
