"""Names of servers."""

from __future__ import annotations

import socket

from twisted.trial.unittest import SynchronousTestCase

from dyups.config.model import NameKind, ServerName
from dyups.config.names import parse_server_name
from tests.config.helpers import message_of

NAMES = {
    "": [(NameKind.EXACT, "")],
    "Example.COM": [(NameKind.EXACT, "example.com")],
    "*.example.com": [(NameKind.LEADING, "example.com")],
    "example.*": [(NameKind.TRAILING, "example")],
    ".example.com": [(NameKind.EXACT, "example.com"), (NameKind.LEADING, "example.com")],
    "_": [(NameKind.EXACT, "_")],
}
BAD = {
    "*": 'invalid server name "*"',
    "*a": 'invalid server name "*a"',
    "*x.example.com": 'invalid server name "*x.example.com"',
    ".": 'invalid server name or wildcard "."',
    "a.*.b": 'invalid server name or wildcard "a.*.b"',
    "*.a.*": 'invalid server name or wildcard "*.a.*"',
    "a..b": 'invalid server name or wildcard "a..b"',
    "~": 'empty regex in server name "~"',
    "~(": 'pcre2_compile() failed: missing closing parenthesis in "("',
}


class Names(SynchronousTestCase):
    """The forms of a name."""

    def test_forms(self) -> None:
        """Names are compared in lower case; a leading dot stands for two names."""
        found = {text: [(name.kind, name.key) for name in parse_server_name(text)] for text in NAMES}
        self.assertEqual(found, NAMES)
        self.assertEqual({name.text for text in NAMES for name in parse_server_name(text)}, set(NAMES))

    def test_regex(self) -> None:
        """A tilde makes a regular expression that does not mind the case."""
        (name,) = parse_server_name(r"~^(?<Sub>.+)\.Example\.com$")
        assert name.regex is not None
        found = name.regex.search(b"www.example.com")
        assert found is not None
        self.assertEqual((name.kind, found.groupdict()), (NameKind.REGEX, {"sub": b"www"}))

    def test_hostname(self) -> None:
        """$hostname is the machine's name."""
        key = socket.gethostname().lower()
        self.assertEqual(parse_server_name("$hostname"), (ServerName(NameKind.EXACT, "$hostname", key),))

    def test_mistakes(self) -> None:
        """Stars stand only at an end and by themselves."""
        self.assertEqual({text: message_of(self, parse_server_name, text) for text in BAD}, BAD)
