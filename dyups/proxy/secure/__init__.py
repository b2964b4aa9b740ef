"""TLS of connections.  Contexts and the protocol itself are :mod:`dyups.tls`'s.

secured      towards clients
securedial   towards servers: what may be shared, and the handshake
tlsvariables what ``$ssl_…`` read
"""
