"""HTTP/2 towards clients (RFC 9113), where ``http2 on`` says so.

opening     which protocol a new connection speaks: by ALPN, or by its first bytes
connection  one connection: its streams, its pace, its end
stream      one request of it, as the transport of a ``ClientConnection`` that serves it
fields      a request's fields to the head that serves it
answer      what such a connection writes, to fields and body
terms       what all connections to one address share
wire        the protocol itself, by the ``h2`` library
encoding    the fields of answers as bytes, by a table that never changes
guard       what no client needs, and floods are made of
carrier     what others may know of such a connection, without loading ``h2``

Each stream has a ``ClientConnection`` of its own, whose transport is the stream.  So whatever serves HTTP/1.1 serves
HTTP/2, and HTTP/1.1 knows nothing of it; the price is that answers are framed twice.  ``listener`` loads this room
where an address speaks HTTP/2, and nobody else does.
"""
