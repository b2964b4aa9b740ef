"""Who may ask: tests of :mod:`dyups.proxy.access`."""
