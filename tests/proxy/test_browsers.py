"""Which browsers a connection is not kept for."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from dyups.http1.request import read_request
from dyups.proxy.browsers import MSIE6, SAFARI, browsers_of, is_minded

OLD = ["MSIE 4.01", "MSIE 5.5; x", "Mozilla/4.0 (MSIE 6.0; Windows)"]
NOT_OLD = ["MSIE 7.0; x", "MSIE 6.0; SV1)", "Opera MSIE 6.0; x", "MSIE 60; x", "MSIE 6.", "MSIE ", "x", ""]
SAFARIS = ["Mozilla/5.0 (Macintosh; Mac OS X) AppleWebKit Safari/85"]
OTHERS = [
    "Safari/85",
    "Mac OS X",
    "Mac OS X Chrome/9 Safari/85",
    "Mac OS X Gecko/1 Safari/85",
    "MSIE 7.0; Mac OS X Safari/8",
]


class BrowsersTests(SynchronousTestCase):
    """nginx's way of telling them apart."""

    def minded(self, agent: str, browsers: int, method: str = "POST") -> bool:
        text = f"{method} / HTTP/1.1\r\nHost: x\r\nUser-Agent: {agent}"
        return is_minded(read_request(text.encode()), browsers)

    def test_msie(self) -> None:
        """Internet Explorer before 7, but for its second service pack, after a POST alone."""
        self.assertEqual([agent for agent in (*OLD, *NOT_OLD) if self.minded(agent, MSIE6)], OLD)
        self.assertEqual([agent for agent in OLD if self.minded(agent, MSIE6, "GET")], [])
        self.assertEqual([agent for agent in OLD if self.minded(agent, SAFARI)], [])

    def test_safari(self) -> None:
        """Safari on Mac OS X, and nobody who only says so besides."""
        self.assertEqual(
            [agent for agent in (*SAFARIS, *OTHERS) if self.minded(agent, SAFARI, "GET")], SAFARIS
        )
        self.assertEqual([agent for agent in SAFARIS if self.minded(agent, MSIE6)], [])

    def test_bits(self) -> None:
        """The words of the directive."""
        self.assertEqual(
            [browsers_of(frozenset(words)) for words in ((), {"msie6"}, {"msie6", "safari"})], [0, 1, 3]
        )
