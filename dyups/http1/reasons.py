"""Status codes and their phrases, as nginx words them (``ngx_http_header_filter_module.c``)."""

from __future__ import annotations

PHRASES: dict[int, bytes] = {
    100: b"Continue",
    101: b"Switching Protocols",
    103: b"Early Hints",
    200: b"OK",
    201: b"Created",
    202: b"Accepted",
    204: b"No Content",
    206: b"Partial Content",
    301: b"Moved Permanently",
    302: b"Moved Temporarily",
    303: b"See Other",
    304: b"Not Modified",
    307: b"Temporary Redirect",
    308: b"Permanent Redirect",
    400: b"Bad Request",
    401: b"Unauthorized",
    402: b"Payment Required",
    403: b"Forbidden",
    404: b"Not Found",
    405: b"Not Allowed",
    406: b"Not Acceptable",
    408: b"Request Time-out",
    409: b"Conflict",
    410: b"Gone",
    411: b"Length Required",
    412: b"Precondition Failed",
    413: b"Request Entity Too Large",
    414: b"Request-URI Too Large",
    415: b"Unsupported Media Type",
    416: b"Requested Range Not Satisfiable",
    421: b"Misdirected Request",
    429: b"Too Many Requests",
    431: b"Request Header Fields Too Large",
    500: b"Internal Server Error",
    501: b"Not Implemented",
    502: b"Bad Gateway",
    503: b"Service Temporarily Unavailable",
    504: b"Gateway Time-out",
    505: b"HTTP Version Not Supported",
    507: b"Insufficient Storage",
}

#: Codes for which nginx makes a small HTML page when a response has no body of its own.
WITH_PAGE = frozenset(code for code in PHRASES if code >= 400) | {301, 302, 303, 307, 308}


def status_line(code: int) -> bytes:
    """``HTTP/1.1 200 OK``; a code without a known phrase stands alone, as in nginx."""
    phrase = PHRASES.get(code)
    return b"HTTP/1.1 %d %s" % (code, phrase) if phrase else b"HTTP/1.1 %d " % code
