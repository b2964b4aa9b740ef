"""The protocol of one connection, by the ``h2`` library: bytes in and events out, frames in and bytes out; no I/O.

The only door to the library.  It owns frames, header compression, windows and the states of streams, and bounds header
blocks (one of many CONTINUATION frames, CVE-2024-27316, or one that grows when it is unpacked, CVE-2016-6581).  What is
done differently here, because the library ends a connection where RFC 9113 speaks of a stream, or ends one too soon:

- fields are checked by ``fields``: a bad request is answered 400 and leaves its neighbours alone;
- requests beyond ``http2_max_concurrent_streams`` are refused one by one, by ``connection``;
- after :meth:`Http2Wire.say_goodbye` the streams under way go on (section 6.8), whoever said it.
"""

from __future__ import annotations

from typing import Any, Final

from h2.config import H2Configuration
from h2.connection import ConnectionState, H2Connection
from h2.errors import ErrorCodes
from h2.events import (
    ConnectionTerminated,
    DataReceived,
    Event,
    RemoteSettingsChanged,
    RequestReceived,
    SettingsAcknowledged,
    StreamReset,
    TrailersReceived,
    WindowUpdated,
)
from h2.exceptions import ProtocolError
from h2.settings import SettingCodes, Settings
from hyperframe.frame import GoAwayFrame

from dyups.config.http2 import Http2Settings
from dyups.proxy.http2.encoding import FieldEncoder

__all__ = [
    "Broken",
    "ConnectionTerminated",
    "DataReceived",
    "ErrorCodes",
    "Event",
    "Http2Wire",
    "RemoteSettingsChanged",
    "RequestReceived",
    "SettingsAcknowledged",
    "StreamReset",
    "TrailersReceived",
    "WindowUpdated",
]

#: What a client may send over all streams before it has to wait: no limit, streams have their own.
_WHOLE_WINDOW: Final = (1 << 31) - 1
_FIRST_WINDOW: Final = 65535
_UNBOUNDED: Final = (1 << 31) - 1
#: Bytes of fields for which there is still a page (431) instead of the connection's end, beyond what is allowed.
_PAGE_FOR: Final = 1 << 16

_CONFIGURATION: Final = H2Configuration(
    client_side=False,
    header_encoding=None,
    validate_inbound_headers=False,
    normalize_inbound_headers=False,
    validate_outbound_headers=False,
    normalize_outbound_headers=False,
)


class Broken(Exception):
    """The client broke the protocol; the argument says how.  The farewell is among the bytes to be sent."""


class Http2Wire:
    """The server's side of one connection; ``head_limit`` is what a request's fields may have in bytes."""

    __slots__ = ("_goodbye", "_h2")

    def __init__(self, settings: Http2Settings, head_limit: int) -> None:
        bound = head_limit + _PAGE_FOR
        h2 = self._h2 = H2Connection(_CONFIGURATION)
        h2.local_settings = Settings(
            client=False,
            initial_values={
                SettingCodes.MAX_CONCURRENT_STREAMS: settings.http2_max_concurrent_streams,
                SettingCodes.INITIAL_WINDOW_SIZE: settings.http2_body_preread_size,
                SettingCodes.MAX_HEADER_LIST_SIZE: bound,
            },
        )
        h2.decoder.max_header_list_size = bound
        encoder: Any = FieldEncoder()
        h2.encoder = encoder
        h2.initiate_connection()
        h2.increment_flow_control_window(_WHOLE_WINDOW - _FIRST_WINDOW)
        h2.local_settings[SettingCodes.MAX_CONCURRENT_STREAMS] = _UNBOUNDED
        h2.local_settings.acknowledge()
        _outlive_goodbyes(h2)
        self._goodbye = b""

    # -- what the client says ------------------------------------------------------------------------------------

    def receive(self, data: bytes) -> list[Event]:
        """What ``data`` says.  Raises :class:`Broken`."""
        try:
            events = self._h2.receive_data(data)
        except ProtocolError as error:
            raise Broken(str(error)) from None
        self._check_size()
        return events

    def _check_size(self) -> None:
        """The library looks at the size of a frame once it is all there, up to 16 MiB."""
        begun = self._h2.incoming_buffer._data
        if len(begun) >= 3 and int.from_bytes(begun[:3], "big") > self._h2.max_inbound_frame_size:
            self.say_goodbye(0, ErrorCodes.FRAME_SIZE_ERROR)
            raise Broken("frame exceeds the size that was allowed")

    def credit(self, number: int, size: int) -> None:
        """``size`` bytes that came on stream ``number`` are dealt with: the client may send as many more."""
        self._h2.acknowledge_received_data(size, number)

    def widen(self, number: int, size: int) -> None:
        """The client may send ``size`` bytes more on stream ``number`` than on others."""
        self._h2.increment_flow_control_window(size, number)

    # -- what is said to it --------------------------------------------------------------------------------------

    def room(self, number: int) -> int:
        """How many bytes the next frame of a body may have; 0 or less where the client's window is full."""
        h2 = self._h2
        return min(h2.local_flow_control_window(number), h2.max_outbound_frame_size)

    def send_fields(self, number: int, fields: list[tuple[bytes, bytes]], ended: bool) -> None:
        """A head, or with ``ended`` behind a body its trailers."""
        self._h2.send_headers(number, fields, ended)

    def send_body(self, number: int, data: bytes, ended: bool) -> None:
        """A piece of a body, for which there is :meth:`room`."""
        self._h2.send_data(number, data, ended)

    def reset(self, number: int, code: ErrorCodes) -> None:
        """End a stream at once."""
        self._h2.reset_stream(number, code)

    def say_goodbye(self, last: int, code: ErrorCodes = ErrorCodes.NO_ERROR) -> None:
        """Streams beyond ``last`` are not served (GOAWAY)."""
        # By hand: after close_connection() the library sends nothing more, not even the answers under way.
        self._goodbye += GoAwayFrame(0, last_stream_id=last, error_code=code).serialize()

    def take(self) -> bytes:
        """What is to be sent."""
        data = self._h2.data_to_send()
        if self._goodbye:
            data += self._goodbye
            self._goodbye = b""
        return data


def _outlive_goodbyes(h2: H2Connection) -> None:
    """A client that says GOAWAY begins nothing more, but wants its answers, and what makes room for them follows.

    The library would throw away what is not sent yet, and take whatever comes behind it for a mistake.
    """
    came: Any = h2._frame_dispatch_table[GoAwayFrame]
    state = h2.state_machine

    def goodbye_came(frame: GoAwayFrame) -> Any:
        found = came(frame)
        state.state = ConnectionState.SERVER_OPEN
        return found

    h2._frame_dispatch_table[GoAwayFrame] = goodbye_came
    h2.clear_outbound_data_buffer = lambda: None  # type: ignore[method-assign]
