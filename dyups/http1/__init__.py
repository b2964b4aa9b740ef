"""HTTP/1.1 messages as bytes: no I/O, no transport, no routing.

    fields     one header line, read once and remembered; what kind of field it is
    request    a request head: line, fields, framing, all of RFC 9112's refusals
    response   a response head, as the server sent it
    target     request-target to normalised path and arguments
    chunked    the chunked transfer coding, both ways
    reasons    status codes and their phrases

Why the heads are read by our own code and not by llhttp: nginx accepts what llhttp refuses (bare LF line ends, any
method token) and ignores what llhttp calls an error (fields with odd names), the proxy must tell 400, 414, 431, 501
and 505 apart, and lines that are kept whole can be passed on whole.  It also costs no more.  The tests hold both
readers against each other.
"""
