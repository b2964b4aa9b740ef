"""Reading one block, and what the blocks inside inherit."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from dyups.config.directives import Context
from dyups.config.merge import Values, read_block
from dyups.config.model import DyupsSettings, LocationSettings, ServerSettings
from dyups.config.parser import parse_text
from dyups.config.scope import Scope
from tests.config.helpers import message_of


def read(text: str, context: Context, outer: Values) -> tuple[Values, list[str]]:
    values, structure = read_block(parse_text(text, "f"), context, Scope("/p"), outer)
    return values, [directive.name for directive in structure]


class Blocks(SynchronousTestCase):
    """Blocks and their values."""

    def test_values_and_structure(self) -> None:
        """Values go into their fields; what is structure comes back in order; harmless directives vanish."""
        values, structure = read(
            "send_timeout 5; sendfile on; server {} merge_slashes off; upstream a {}", Context.HTTP, Values()
        )
        self.assertEqual(values.make(LocationSettings), LocationSettings(send_timeout=5.0))
        self.assertEqual(values.make(ServerSettings), ServerSettings(merge_slashes=False))
        self.assertEqual(structure, ["server", "upstream"])

    def test_inheritance(self) -> None:
        """An inner block has the outer one's values where it says nothing; brothers do not see each other's."""
        outer, _ = read("send_timeout 5; proxy_read_timeout 6;", Context.HTTP, Values())
        first, _ = read("send_timeout 7;", Context.SERVER, outer)
        second, _ = read("", Context.SERVER, outer)
        innermost, _ = read("", Context.LOCATION, first)
        self.assertEqual(
            [
                (found.make(LocationSettings).send_timeout, found.make(LocationSettings).proxy_read_timeout)
                for found in (outer, first, second, innermost)
            ],
            [(5.0, 6.0), (7.0, 6.0), (5.0, 6.0), (7.0, 6.0)],
        )

    def test_lists_replace_inherited_ones(self) -> None:
        """A directive that may repeat adds up within a block and hides what the outer block said."""
        outer, _ = read("proxy_set_header A 1; proxy_set_header B 2;", Context.HTTP, Values())
        inner, _ = read("proxy_set_header C 3; proxy_set_header D 4;", Context.SERVER, outer)
        self.assertEqual(
            [[name for name, _ in found.make(LocationSettings).proxy_set_header] for found in (outer, inner)],
            [["A", "B"], ["C", "D"]],
        )

    def test_second_argument_is_inherited_by_itself(self) -> None:
        """The header time of keepalive_timeout stays where an inner block gives only the first time."""
        outer, _ = read("keepalive_timeout 75 60;", Context.HTTP, Values())
        inner, _ = read("keepalive_timeout 10;", Context.SERVER, outer)
        made = inner.make(LocationSettings)
        self.assertEqual((made.keepalive_timeout, made.keepalive_timeout_header), (10.0, 60.0))

    def test_not_inherited(self) -> None:
        """What has no merge rule holds only where it is said."""
        outer, _ = read("dyups_trylock on;", Context.MAIN, Values())
        self.assertTrue(outer.make(DyupsSettings).dyups_trylock)
        self.assertEqual(outer.inner().of(DyupsSettings), {})

    def test_mistakes(self) -> None:
        """A repeated, misplaced or wrong directive is refused at its line."""
        for text, error in {
            "\nsend_timeout 1; send_timeout 2;": '"send_timeout" directive is duplicate in f:2',
            "sendfile on;\n\nsendfile on;": '"sendfile" directive is duplicate in f:3',
            "daemon on;": '"daemon" directive is not allowed here in f:1',
            "sendfile maybe;": 'invalid value "maybe" in "sendfile" directive, it must be "on" or "off" in f:1',
        }.items():
            self.assertEqual(message_of(self, read, text, Context.HTTP, Values()), error)
