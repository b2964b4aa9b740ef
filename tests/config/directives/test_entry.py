"""The shape of an entry."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from dyups.config.directives.entry import Context, Effect, Merge, harmless, refused, setting, structure
from dyups.config.directives.kinds import BLOCK, FLAG
from dyups.config.model import Settings


class Entries(SynchronousTestCase):
    """The four ways to make one."""

    def test_setting(self) -> None:
        """A setting sets the field of its own name, is read by the generic code, and is inherited."""
        made = setting("daemon", Context.MAIN, FLAG, Settings, "on", "Doc.")
        self.assertTrue(made.generic)
        self.assertEqual(
            (made.attribute, made.merge, made.effect), ("daemon", Merge.INHERIT, Effect.SUPPORTED)
        )

    def test_structure(self) -> None:
        """Structure may repeat and is nobody's generic value."""
        made = structure("http", Context.MAIN, BLOCK, "Doc.", block=True)
        self.assertFalse(made.generic)
        self.assertTrue(made.several and made.block)

    def test_others(self) -> None:
        """Harmless directives have contexts, refused ones are refused everywhere."""
        self.assertIs(harmless("x", Context.HTTP, FLAG, "").effect, Effect.NO_EFFECT)
        self.assertEqual((refused("x").effect, refused("x").contexts), (Effect.REFUSED, Context(0)))

    def test_contexts(self) -> None:
        """The unions are what their names say."""
        self.assertEqual(Context.HTTP_SERVER_LOCATION, Context.HTTP | Context.SERVER_LOCATION)
        self.assertNotIn(Context.LOCATION, Context.HTTP_SERVER)
