"""The table as a whole, held against the model."""

from __future__ import annotations

import dataclasses
from collections import Counter
from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from dyups.config import model
from dyups.config.compression import CompressionSettings
from dyups.config.directives import Call, Context, Effect, all_entries, check, find, read
from dyups.config.directives.entry import Fields
from dyups.config.http2 import Http2Settings
from dyups.config.parser import Directive
from dyups.config.routing import AnswerSettings, FileSettings
from dyups.config.scope import Scope
from dyups.config.substitution import SubstitutionSettings
from tests.config.helpers import message_of

#: Fields that no single directive sets.
DERIVED = {
    ("AnswerSettings", "userid"),
    ("LocationSettings", "access"),  # a family of its own
    ("LocationSettings", "answers"),
    ("LocationSettings", "bodies"),
    ("LocationSettings", "compression"),
    ("LocationSettings", "substitution"),
    ("ServerSettings", "http2"),
    ("LocationSettings", "files"),
    ("LocationSettings", "visiting"),
    ("LocationSettings", "proxying"),
    ("LocationSettings", "realip"),
    ("LocationSettings", "limits"),
    ("LocationSettings", "scripts"),
    ("Http", "lua"),
    ("LuaSettings", "prefix"),
    ("LocationSettings", "keepalive_timeout_header"),  # the second argument of keepalive_timeout
}
FAMILIES = (
    model.Settings,
    model.LocationSettings,
    model.ServerSettings,
    model.DyupsSettings,
    model.UpstreamSpec,
    AnswerSettings,
    CompressionSettings,
    SubstitutionSettings,
    FileSettings,
    Http2Settings,
)


def default_of(owner: Any, name: str) -> Any:
    field = {field.name: field for field in dataclasses.fields(owner)}[name]
    return field.default


class AgainstModel(SynchronousTestCase):
    """Table and model say the same."""

    def test_fields_exist(self) -> None:
        """Every supported entry that names a field names one that exists."""
        for entry in all_entries():
            if entry.owner is not None:
                names = {field.name for field in dataclasses.fields(entry.owner)}  # type: ignore[arg-type]
                self.assertIn(entry.attribute, names, entry.name)

    def test_defaults_agree(self) -> None:
        """The default text of an entry reads to the default of its field."""
        compared = 0
        for entry in all_entries():
            if not entry.generic or not entry.reads_default or not entry.default:
                continue
            assert entry.kind.read is not None
            value = entry.kind.read(Call(entry.name, tuple(entry.default.split()), Scope("/")))
            fields = value if isinstance(value, Fields) else {entry.attribute: value}
            for name, found in fields.items():
                self.assertEqual(found, default_of(entry.owner, name), entry.name)
                compared += 1
        self.assertGreater(compared, 30)

    def test_every_setting_has_its_directive(self) -> None:
        """No setting of the model is out of a configuration's reach."""
        named = {(entry.owner.__name__, entry.attribute) for entry in all_entries() if entry.owner} | DERIVED
        given = {
            ("Settings", "prefix"),
            ("Settings", "files"),
            ("UpstreamSpec", "name"),
            ("UpstreamSpec", "place"),
            ("UpstreamSpec", "commands"),
        }
        for owner in FAMILIES:
            for field in dataclasses.fields(owner):
                self.assertIn((owner.__name__, field.name), named | given)

    def test_empty_defaults(self) -> None:
        """An entry without a default has a field that is empty, or that the build supplies."""
        for entry in all_entries():
            if entry.generic and not entry.default:
                self.assertIn(
                    default_of(entry.owner, entry.attribute),
                    ((), "", None, model.BalancingSpec()),
                    entry.name,
                )


class Entries(SynchronousTestCase):
    """Every entry is whole."""

    def test_one_entry_for_each_context(self) -> None:
        """No directive has two entries for the same context, or is refused twice."""
        seen = Counter(
            (entry.name, context)
            for entry in all_entries()
            for context in Context
            if context in entry.contexts
        )
        self.assertEqual([key for key, count in seen.items() if count > 1], [])
        refused = Counter(entry.name for entry in all_entries() if entry.effect is Effect.REFUSED)
        self.assertEqual([name for name, count in refused.items() if count > 1], [])

    def test_documented(self) -> None:
        """Every entry says what it does, or why it does nothing."""
        self.assertEqual([entry.name for entry in all_entries() if not entry.doc], [])


class Checks(SynchronousTestCase):
    """What the table alone can tell."""

    def test_find(self) -> None:
        """A name has the entry of its context."""
        self.assertIs(find("keepalive_timeout", Context.UPSTREAM).owner, model.UpstreamSpec)
        self.assertIs(find("keepalive_timeout", Context.HTTP).owner, model.LocationSettings)

    def test_order_of_errors(self) -> None:
        """nginx looks at the name, the context, the block and the number of arguments, in that order."""
        for directive, error in {
            Directive("foo", (), "f", 7, ()): 'unknown directive "foo" in f:7',
            Directive("image_filter", (), "f", 7): '"image_filter" directive is not supported in f:7',
            Directive("listen", (), "f", 7): '"listen" directive is not allowed here in f:7',
            Directive(
                "send_timeout", (), "f", 7, ()
            ): 'directive "send_timeout" is not terminated by ";" in f:7',
            Directive("server", ("x",), "f", 7): 'directive "server" has no opening "{" in f:7',
            Directive(
                "send_timeout", (), "f", 7
            ): 'invalid number of arguments in "send_timeout" directive in f:7',
            Directive("send_timeout", ("1", "2"), "f", 7): (
                'invalid number of arguments in "send_timeout" directive in f:7'
            ),
        }.items():
            self.assertEqual(message_of(self, check, directive, Context.HTTP), error)

    def test_read(self) -> None:
        """A checked directive is read with its place on errors; what nobody reads is None."""
        good = Directive("send_timeout", ("5",), "f", 7)
        entry = check(good, Context.HTTP)
        self.assertEqual(read(entry, good, Scope()), 5.0)
        bad = good._replace(args=("x",))
        self.assertEqual(
            message_of(self, read, entry, bad, Scope()), '"send_timeout" directive invalid value in f:7'
        )
        block = Directive("server", (), "f", 7, ())
        self.assertIsNone(read(check(block, Context.HTTP), block, Scope()))
