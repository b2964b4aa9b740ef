"""Plain files: tests of :mod:`dyups.proxy.files`."""
