"""Where a log is sent."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from dyups.config.model import Syslog
from dyups.config.syslog import FACILITIES, SEVERITIES, parse_syslog
from tests.config.helpers import message_of


class Targets(SynchronousTestCase):
    """``syslog:…``."""

    def test_defaults(self) -> None:
        """Only the server has to be said: port 514, facility local7, severity info, our name."""
        self.assertEqual(parse_syslog("syslog:server=[::1]"), Syslog("::1", 514, "", 190, "dyups", True))

    def test_all(self) -> None:
        """Every parameter, in any order."""
        found = parse_syslog("syslog:tag=a_1,nohostname,severity=emerg,server=log.example:1514,facility=mail")
        self.assertEqual(found, Syslog("log.example", 1514, "", 16, "a_1", False))

    def test_unix(self) -> None:
        """A unix socket."""
        found = parse_syslog("syslog:server=unix:/dev/log")
        self.assertEqual((found.host, found.path), ("", "/dev/log"))

    def test_numbers(self) -> None:
        """Facilities and severities have the numbers of RFC 3164 section 4.1.1."""
        self.assertEqual(
            (FACILITIES.index("local0"), FACILITIES.index("local7"), len(FACILITIES)), (16, 23, 24)
        )
        self.assertEqual((SEVERITIES.index("error"), SEVERITIES.index("debug")), (3, 7))

    def test_mistakes(self) -> None:
        """What is wrong is named."""
        for text, error in {
            "": 'unknown syslog parameter ""',
            "tag=x": "no syslog server specified",
            "server=a,server=b": 'duplicate syslog "server"',
            "server=a,nohostname,nohostname": 'duplicate syslog "nohostname"',
            "server=a,colour=red": 'unknown syslog parameter "colour=red"',
            "server=a,facility=x": 'unknown syslog facility "x"',
            "server=a,severity=x": 'unknown syslog severity "x"',
            "server=a,tag=a-b": "invalid syslog \"tag\" 'a-b': it has up to 32 letters, digits and underscores",
            "server=": 'no host in syslog server ""',
            "server=a:0": 'invalid port in syslog server "a:0"',
        }.items():
            self.assertEqual(message_of(self, parse_syslog, f"syslog:{text}"), error)
