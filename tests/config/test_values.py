"""Single values as nginx writes them."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from dyups.config import values
from dyups.errors import ConfigError
from dyups.interfaces import TcpAddress, UnixAddress
from tests.config.helpers import message_of

TIMES = {
    "0": 0.0,
    "30": 30.0,
    "30s": 30.0,
    "500ms": 0.5,
    "1m": 60.0,
    "1h30m": 5400.0,
    "1d 12h": 129600.0,
    "1y2M3w4d5h6m7s8ms": 365 * 86400 + 60 * 86400 + 21 * 86400 + 4 * 86400 + 5 * 3600 + 367.008,
    "1h30": 3630.0,
    "1M": 2592000.0,
}
BAD_TIMES = ("", "s", "-1", "1.5s", "1x", "1s1m", "1m1m", "1 m", "ms", "1s\n", "٣", "1" * 400)
OFFSETS = {"0": 0, "4096": 4096, "8k": 8192, "8K": 8192, "1m": 1 << 20, "2M": 2 << 20, "1g": 1 << 30}
BAD_SIZES = ("", "k", "-1", "1kk", "1t", "1 k", "1.5m", "9" * 4400)
SERVERS = {
    "127.0.0.1:8088": ("127.0.0.1", 8088, ""),
    "127.0.0.1": ("127.0.0.1", 80, ""),
    "[::1]:81": ("::1", 81, ""),
    "[::1]": ("::1", 80, ""),
    "127.000.0.01:80": ("127.0.0.1", 80, ""),
    "010.08.0.00": ("10.8.0.0", 80, ""),
    "a.01.02.03": ("a.01.02.03", 80, ""),
    "app.example": ("app.example", 80, ""),
    "my_app:65535": ("my_app", 65535, ""),
    "unix:/run/a.sock": ("", 0, "/run/a.sock"),
    "unix:/run/a b.sock": ("", 0, "/run/a b.sock"),
}
BAD_SERVERS = {
    "": "no host",
    ":80": "no host",
    "a:0": "invalid port",
    "a:65536": "invalid port",
    "a:": "invalid port",
    "a:b": "invalid port",
    "a:1:2": "invalid port",
    "a/b": "invalid host",
    "a b": "invalid host",
    "a;b": "invalid host",
    "a\0": "invalid host",
    "$host": "invalid host",
    "x" * 300: "invalid host",
    "[::1": "invalid host",
    "[::1]80": "invalid host",
    "[::1]:": "invalid port",
    "[zz]:80": "invalid IPv6 address",
    "[::1%eth0]": "invalid IPv6 address",
    "[\0]": "invalid IPv6 address",
    "unix:": "no path in the unix domain socket",
    "unix:/" + "x" * 107: "too long path in the unix domain socket",
    "unix:/a\nb": "invalid path in the unix domain socket",
}
LISTENS = {
    "80": TcpAddress("0.0.0.0", 80),
    "*:81": TcpAddress("0.0.0.0", 81),
    "*": TcpAddress("0.0.0.0", 80),
    "127.0.0.1": TcpAddress("127.0.0.1", 80),
    "127.0.0.1:82": TcpAddress("127.0.0.1", 82),
    "127.0.0.01:82": TcpAddress("127.0.0.1", 82),
    "localhost:83": TcpAddress("127.0.0.1", 83),
    "[::]:84": TcpAddress("::", 84),
    "unix:/run/x.sock": UnixAddress("/run/x.sock"),
}
BAD_LISTENS = {
    "0": "invalid port",
    "70000": "invalid port",
    "a.example:80": "host not found",
    ":1": "no host",
}


class Times(SynchronousTestCase):
    """Times."""

    def test_spellings(self) -> None:
        """Units go from large to small, a bare number is seconds, blanks may stand between."""
        self.assertEqual({text: values.parse_time(text) for text in TIMES}, TIMES)

    def test_mistakes(self) -> None:
        """Anything else is an error that shows the text."""
        for text in BAD_TIMES:
            self.assertEqual(message_of(self, values.parse_time, text), f'invalid value "{text}"')

    def test_whole_seconds(self) -> None:
        """Where nginx counts in seconds, milliseconds are an error."""
        self.assertEqual(values.parse_seconds("1m5s"), 65.0)
        self.assertRaises(ConfigError, values.parse_seconds, "500ms")

    @settings(deadline=None)
    @given(st.integers(0, 10**10))
    def test_round_trip(self, milliseconds: int) -> None:
        """A printed time reads back as the same time."""
        seconds = milliseconds / 1000
        self.assertEqual(values.parse_time(values.format_time(seconds)), seconds)


class Numbers(SynchronousTestCase):
    """Numbers, sizes and flags."""

    def test_number(self) -> None:
        """A number is digits and nothing else."""
        self.assertEqual(values.parse_number("017"), 17)
        for text in ("", "-1", "+1", "1_0", "0x1", "1 ", "٣", "9" * 5000):
            self.assertEqual(message_of(self, values.parse_number, text), "invalid number")

    def test_offset(self) -> None:
        """Kilo-, mega- and gigabytes are powers of 1024, in either case."""
        self.assertEqual({text: values.parse_offset(text) for text in OFFSETS}, OFFSETS)

    def test_size(self) -> None:
        """A size is at most in megabytes."""
        self.assertEqual(values.parse_size("2m"), 2 << 20)
        for text in (*BAD_SIZES, "1g"):
            self.assertEqual(message_of(self, values.parse_size, text), f'invalid value "{text}"')

    def test_flag(self) -> None:
        """A flag is on or off in any case; the error names the directive."""
        self.assertIs(values.parse_flag("On", "daemon"), True)
        self.assertIs(values.parse_flag("off", "daemon"), False)
        self.assertEqual(
            message_of(self, values.parse_flag, "foo", "daemon"),
            'invalid value "foo" in "daemon" directive, it must be "on" or "off"',
        )


class Addresses(SynchronousTestCase):
    """Addresses of servers and of listening sockets."""

    def test_server(self) -> None:
        """A server is an IP address, a name or a unix socket; the port is 80 if none is given."""
        self.assertEqual({text: tuple(values.parse_server_address(text)) for text in SERVERS}, SERVERS)

    def test_server_mistakes(self) -> None:
        """Errors are nginx's, with the address."""
        for text, error in BAD_SERVERS.items():
            message = message_of(self, values.parse_server_address, text, 80)
            self.assertEqual(message, f'{error} in upstream "{text}"')

    def test_listen(self) -> None:
        """A listen is also a bare port or a star."""
        self.assertEqual({text: values.parse_listen_address(text) for text in LISTENS}, LISTENS)

    def test_listen_mistakes(self) -> None:
        """Errors are nginx's, with the address and the directive."""
        for text, error in BAD_LISTENS.items():
            message = message_of(self, values.parse_listen_address, text)
            self.assertEqual(message, f'{error} in "{text}" of the "listen" directive')

    @settings(deadline=None)
    @given(st.text(st.characters(), max_size=40))
    def test_any_text(self, text: str) -> None:
        """Whatever the text, there is an address or a ConfigError, never another error."""
        for parse in (values.parse_server_address, values.parse_listen_address, values.parse_time):
            try:
                parse(text)
            except ConfigError:
                continue

    def test_local(self) -> None:
        """An address of ours may have a port; names and nonsense are none."""
        for text, expected in {
            "127.0.0.2": ("127.0.0.2", 0),
            "127.0.0.2:81": ("127.0.0.2", 81),
            "::1": ("::1", 0),
            "[::1]": ("::1", 0),
            "[::1]:0": ("::1", 0),
        }.items():
            self.assertEqual(values.local_address(text), expected)
        for text in (
            "",
            "localhost",
            "127.0.0.2:",
            "127.0.0.2:x",
            "127.0.0.2:65536",
            "[::1",
            "[::1]81",
            "[127.0.0.1]",
        ):
            self.assertIsNone(values.local_address(text), text)

    def test_kinds_of_ip(self) -> None:
        """IPv4 is four octets, IPv6 what the system takes for it."""
        self.assertTrue(values.is_ipv4("255.0.10.1"))
        for text in ("256.0.0.1", "1.2.3", "1.2.3.4.", "1.2.3.4.5", "01.2.3.4", "a"):
            self.assertFalse(values.is_ipv4(text))
        self.assertTrue(values.is_ipv6("fe80::1"))
        self.assertFalse(values.is_ipv6("fe80::1\ud800"))
