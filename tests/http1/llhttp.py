"""Another reader of HTTP/1.1, llhttp by way of httptools, that ours is held against."""

from __future__ import annotations

import httptools


class _Reader:
    """Notes what the parser tells."""

    def __init__(self) -> None:
        self.messages = 0
        self.body = b""
        self.url = b""
        self.fields: list[tuple[bytes, bytes]] = []
        self.keep_alive = False
        self.error = ""
        self.upgraded = False
        """httptools takes what follows a head that asks for an upgrade for no body, whatever the framing says."""

    def on_url(self, url: bytes) -> None:
        """A part of the target."""
        self.url += url

    def on_header(self, name: bytes, value: bytes) -> None:
        """A field; llhttp leaves white space at the end of values."""
        self.fields.append((name.lower(), value.strip(b" \t")))

    def on_body(self, body: bytes) -> None:
        """A part of the body, without its framing."""
        self.body += body

    def on_message_complete(self) -> None:
        """The message has ended."""
        self.messages += 1
        self.keep_alive = self._parser.should_keep_alive()

    _parser: httptools.HttpRequestParser | httptools.HttpResponseParser

    def feed(self, data: bytes) -> None:
        """Read ``data``; afterwards ``error`` tells why it was refused, if it was."""
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserUpgrade:
            self.upgraded = True
        except httptools.HttpParserError as error:
            self.error = repr(error)


class Peer(_Reader):
    """A server that reads requests with llhttp."""

    def __init__(self) -> None:
        super().__init__()
        self._parser = self._requests = httptools.HttpRequestParser(self)

    @property
    def method(self) -> bytes:
        """The request's method."""
        return self._requests.get_method()

    @property
    def version(self) -> str:
        """The request's version: ``1.1``."""
        return self._requests.get_http_version()


class Client(_Reader):
    """A client that reads responses with llhttp."""

    def __init__(self) -> None:
        super().__init__()
        self._parser = self._responses = httptools.HttpResponseParser(self)

    @property
    def status(self) -> int:
        """The response's status."""
        return self._responses.get_status_code()
