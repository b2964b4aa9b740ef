"""The arguments of valid_referers and secure_link."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from dyups.config.model import NameKind
from tests.config.helpers import location_of, message_of, server_of


class VisitingTests(SynchronousTestCase):
    """How they are read."""

    def test_referers(self) -> None:
        """Words, names with and without a path, regular expressions without case."""
        text = "valid_referers none blocked server_names .a.example *.b c.* d.example/pre/fix ~Google\\.;"
        (found,) = location_of(text).settings.visiting.valid_referers
        self.assertTrue(found.none and found.blocked and found.server_names)
        self.assertEqual(
            [(site.name.kind, site.name.key, site.path) for site in found.sites],
            [
                (NameKind.EXACT, "a.example", b""),
                (NameKind.LEADING, "a.example", b""),
                (NameKind.LEADING, "b", b""),
                (NameKind.TRAILING, "c", b""),
                (NameKind.EXACT, "d.example", b"/pre/fix"),
            ],
        )
        (pattern,) = found.patterns
        self.assertIsNotNone(pattern.search(b"www.google.example"))

    def test_links(self) -> None:
        """Texts with variables; a secret is none."""
        found = location_of("secure_link $arg_md5,$arg_e; secure_link_md5 '$uri x';").settings.visiting
        assert found.secure_link is not None and found.secure_link_md5 is not None
        self.assertEqual(
            (found.secure_link.source, found.secure_link_md5.source), ("$arg_md5,$arg_e", "$uri x")
        )
        self.assertEqual(location_of("secure_link_secret a$b;").settings.visiting.secure_link_secret, "a$b")

    def test_only_the_servers(self) -> None:
        """The names of the server are names enough."""
        server = server_of("server_name a; valid_referers none; valid_referers server_names; location / { }")
        self.assertEqual(len(server.locations[0].settings.visiting.valid_referers), 2)

    def test_mistakes(self) -> None:
        """nginx's words."""
        mixed = '"secure_link_secret" cannot be mixed with "secure_link" and "secure_link_md5"'
        for text, expected in {
            'valid_referers "";': 'invalid referer ""',
            "valid_referers ~;": "empty regex",
            "valid_referers a.*.b;": "invalid server name or wildcard",
            "valid_referers none ~x;": 'the "none" or "blocked" referers are specified',
            "valid_referers blocked server_names;": "without any valid referer",
            "secure_link_secret a; secure_link b;": mixed,
            "secure_link_md5 b; secure_link_secret a;": mixed,
        }.items():
            self.assertIn(expected, message_of(self, location_of, text))
