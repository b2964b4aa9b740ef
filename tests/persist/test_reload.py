"""Tests of dyups.persist.reload."""

from __future__ import annotations

import errno
from dataclasses import replace

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from dyups.config.model import DyupsSettings, Http, Place, UpstreamSpec
from dyups.config.upstreams import parse_commands
from dyups.control.command import Command, Delete, Update, decode
from dyups.errors import ConfigError
from dyups.persist.dumpfile import print_dump
from dyups.persist.journal import HEADER, encode_record
from dyups.persist.reload import Restored, restore
from tests.config.helpers import Table
from tests.persist.disk import Disk
from tests.persist.test_dumpfile import maps, one, specs_of

PATH = "/d/upstream.conf"
SETTINGS = DyupsSettings(dyups_upstream_conf=PATH)


def at(spec: UpstreamSpec, file: str) -> UpstreamSpec:
    """The same upstream, said in ``file``."""
    return replace(spec, place=Place(file, 1))


def http(*upstreams: UpstreamSpec, settings: DyupsSettings = SETTINGS, file: str = "/d/nginx.conf") -> Http:
    """A configuration with these upstreams in ``file``, unless they stand in one already."""
    placed = (spec if spec.place.file else at(spec, file) for spec in upstreams)
    return Http(upstreams=tuple(placed), dyups=settings)


def commands(start: int, *items: Command) -> bytes:
    """A journal with these commands, numbered from ``start``."""
    return HEADER + b"".join(encode_record(number, item.encode()) for number, item in enumerate(items, start))


def up(name: str, port: int = 80) -> Update:
    """The command that makes ``one(name, port)``."""
    return Update(name, f"server 127.0.0.1:{port};")


class RestoreTests(SynchronousTestCase):
    """Configuration, then dump, then journal."""

    def setUp(self) -> None:
        self.disk = Disk()

    def restored(self, http: Http) -> Restored:
        return restore(http, decode, self.disk)

    def specs(self, http: Http) -> list[UpstreamSpec]:
        return [*self.restored(http).upstreams]

    def test_configuration_alone(self) -> None:
        """Without a dump file the configuration is all there is, and nothing is looked for on disk."""
        restored = self.restored(http(one("a"), one("b"), settings=DyupsSettings()))
        self.assertEqual(restored.upstreams, (one("a"), one("b")))
        self.assertEqual((restored.sequence, restored.replayed, restored.dump), (0, 0, None))
        self.assertEqual(self.disk.step, 0)

    def test_first_start_on_the_seeds_files(self) -> None:
        """A dump file that the configuration includes and nobody wrote yet gives its upstreams, in their place."""
        self.disk.put(
            PATH, b"upstream host1 { server 127.0.0.1:80; }\nupstream host2 { server 127.0.0.1:81; }\n"
        )
        restored = self.restored(http(at(one("host1"), PATH), at(one("host2", 81), PATH), one("own")))
        self.assertEqual(restored.upstreams, (one("host1"), one("host2", 81), one("own")))
        self.assertEqual((restored.configured, restored.warnings), ((one("own"),), ()))

    def test_dump_that_is_not_included(self) -> None:
        """A dump file is loaded even where the configuration does not include it."""
        self.disk.put(PATH, b"upstream x { server 127.0.0.1:80; }")
        self.assertEqual(self.specs(http(one("own"))), [one("own"), one("x")])

    def test_changes_win_over_the_configuration(self) -> None:
        """What was changed or deleted while running stays so, though the configuration says otherwise."""
        configured = [one("a"), one("b"), one("c")]
        self.disk.put(PATH, print_dump([one("A", 81), one("c")], configured, 5))
        self.assertEqual(self.specs(http(*configured)), [one("A", 81), one("c")])

    def test_untouched_ones_follow_the_configuration(self) -> None:
        """An edit of a configured upstream that was never touched takes effect; one that is new there comes last."""
        self.disk.put(PATH, print_dump([one("x"), one("a")], [one("a")], 5))
        self.assertEqual(self.specs(http(one("a", 99), one("n"))), [one("x"), one("a", 99), one("n")])

    def test_taken_out_of_the_configuration(self) -> None:
        """A configured upstream that was never touched goes with its block."""
        self.disk.put(PATH, print_dump([one("x"), one("a")], [one("a")], 5))
        self.assertEqual(self.specs(http()), [one("x")])

    def test_edited_dump(self) -> None:
        """A dump that was edited by hand is honoured, with a warning."""
        self.disk.put(PATH, print_dump([one("x")], [], 5).replace(b":80", b":82"))
        restored = self.restored(http())
        self.assertEqual(restored.upstreams, (one("x", 82),))
        self.assertEqual(
            restored.warnings, (f"{PATH} was edited since dyups wrote it; the edit is honoured",)
        )

    def test_bad_dump(self) -> None:
        """A dump with a mistake stops the start, with file and line."""
        self.disk.put(PATH, b"upstream x {\n    server 127.0.0.1:http;\n}\n")
        error = self.assertRaises(ConfigError, self.restored, http())
        self.assertEqual((error.file, error.line), (PATH, 2))

    def test_journal(self) -> None:
        """The journal's newer changes come on top: a replaced upstream in its place, a new one last."""
        self.disk.put(PATH, print_dump([one("a"), one("b"), one("c")], [], 5))
        old, new = up("a", 1), [up("b", 2), up("d"), Delete("C")]
        self.disk.put(PATH + ".journal", commands(5, old, *new))
        restored = self.restored(http())
        self.assertEqual(restored.upstreams, (one("a"), one("b", 2), one("d")))
        self.assertEqual((restored.sequence, restored.replayed), (8, 3))

    def test_damaged_journal(self) -> None:
        """A damaged journal is a warning with the offset; what was readable is kept."""
        data = commands(1, up("a"), up("b"), up("c"))
        self.disk.put(PATH + ".journal", data.replace(b"\x01b", b"\x01x"))
        restored = self.restored(http())
        self.assertEqual(restored.upstreams, (one("a"), one("c")))
        offset = len(commands(1, up("a")))
        self.assertEqual(
            restored.damages,
            (f"checksum of a record differs in {PATH}.journal at byte {offset}; what was readable is kept",),
        )

    def test_command_that_does_not_read(self) -> None:
        """A record whose command does not read, or is refused by now, is a warning; the others count."""
        bad = encode_record(1, b"?") + encode_record(2, Update("a", "serve;").encode())
        self.disk.put(PATH + ".journal", HEADER + bad + encode_record(3, up("b").encode()))
        restored = self.restored(http())
        self.assertEqual((restored.upstreams, restored.sequence), ((one("b"),), 3))
        self.assertEqual(len(restored.damages), 2)
        self.assertIn(f"in {PATH}.journal at byte {len(HEADER)}", restored.damages[0])

    def test_unreadable_journal(self) -> None:
        """A journal that cannot be read stops the start: serving without it would undo acknowledged changes."""
        self.disk.put(PATH, b"")
        self.disk.fail = {2: errno.EIO}
        error = self.assertRaises(ConfigError, self.restored, http())
        self.assertIn(PATH + ".journal", str(error))

    def test_dump_off(self) -> None:
        """With ``dyups_dump off`` the dump is loaded, and there is no journal."""
        self.disk.put(PATH, b"upstream x { server 127.0.0.1:80; }")
        self.disk.put(PATH + ".journal", commands(1, up("y")))
        off = replace(SETTINGS, dyups_dump=False)
        self.assertEqual(self.specs(http(settings=off)), [one("x")])

    def test_path_by_another_way(self) -> None:
        """The dump file is known however the configuration spells its path."""
        self.disk.put(PATH, b"upstream x { server 127.0.0.1:80; }")
        self.assertEqual(self.restored(http(at(one("x"), "/d/./e/../upstream.conf"))).configured, ())

    @given(maps, maps, st.booleans())
    @settings(deadline=None)
    def test_round_trip(self, before: dict[str, str], now: dict[str, str], included: bool) -> None:
        """Whatever the upstreams have become, the dump brings all of them back in order, included or not."""
        configured, specs = specs_of(before), specs_of(now)
        self.disk.put(PATH, print_dump(specs, configured, 9))
        own = [at(spec, PATH) for spec in specs if spec not in configured] if included else []
        restored = self.restored(http(*own, *configured))
        self.assertEqual([*restored.upstreams], specs)
        self.assertEqual([*restored.configured], configured)

    def test_variables(self) -> None:
        """Keys in the dump and in the journal are checked with the variables of the map."""
        body = "hash $uri; server 127.0.0.1;"
        spec = parse_commands("x", body, Table())
        self.disk.put(PATH, print_dump([spec], [], 3))
        self.disk.put(PATH + ".journal", commands(4, Update("y", body)))
        error = self.assertRaises(ConfigError, self.restored, http())
        self.assertEqual((error.message, error.file), ('unknown "uri" variable', PATH))
        restored = restore(http(), decode, self.disk, Table())
        self.assertEqual([*restored.upstreams], [spec, replace(spec, name="y")])
        self.assertEqual(restored.damages, ())

    def test_variable_of_the_journal(self) -> None:
        """A journal's key that reads a variable which is no more is told; the rest is kept."""
        self.disk.put(PATH + ".journal", commands(1, Update("x", "hash $gone; server a;"), up("y")))
        restored = restore(http(), decode, self.disk, Table())
        self.assertEqual([spec.name for spec in restored.upstreams], ["y"])
        self.assertIn('unknown "gone" variable', restored.damages[0])

    def test_bodies_are_parsed_anew(self) -> None:
        """A journal's update is read by the same rules as the body of a POST."""
        body = "keepalive 3;\nserver a.example weight=2;"
        self.disk.put(PATH + ".journal", commands(1, Update("x", body)))
        self.assertEqual(self.specs(http()), [parse_commands("x", body)])
