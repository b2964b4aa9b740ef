"""TLS: contexts made of what the configuration says, and a connection that speaks it, over any Twisted transport.

    material      certificates, keys, passphrases and revocation lists, from files or ``data:``, and nginx's words
    openssl       what pyOpenSSL does not offer by itself
    contexts      what both kinds of contexts have in common, and those towards servers
    terms         how each ``server`` of an address speaks TLS, and which of them a client's SNI chooses
    stapling      OCSP answers that are stapled to handshakes
    stream        one connection: bytes of the network on one side, a protocol with its plain bytes on the other
    verify        is a server's certificate for its name
    certificates  what variables tell of a certificate
    hello         what a ClientHello offers

The contexts are pyOpenSSL's and the bytes go through its memory BIOs: the ``ssl`` module can neither ask for a client's
certificate and serve the request without a good one (``ssl_verify_client optional_no_ca``, the pages 495 and 496), nor
choose verification by SNI.

``proxy`` puts streams between transports and its connections; the process hands in what was read of files, so that all
workers of a configuration have the very same.
"""
