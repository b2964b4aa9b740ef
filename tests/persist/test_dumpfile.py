"""Tests of dyups.persist.dumpfile."""

from __future__ import annotations

import errno
from collections.abc import Sequence
from hashlib import sha256

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from dyups.config.model import UpstreamSpec, fold
from dyups.config.upstreams import parse_commands, parse_upstreams
from dyups.config.written import Written
from dyups.errors import ConfigError
from dyups.persist.dumpfile import Dump, Origin, parse_dump, print_dump, read_dump, write_dump
from dyups.persist.files import Stamp
from tests.persist.disk import Disk

PATH = "/d/upstream.conf"
STAMP = Stamp(1, 2, 3, 0o644)
names = st.text(st.sampled_from("aZ09.:#-_ü💡&=~*"), min_size=1, max_size=8)
bodies = st.sampled_from(
    [
        "server 127.0.0.1:80;",
        "server [::1]:81 weight=3 down;",
        "keepalive 4; server unix:/s.sock; server a.b backup;",
    ]
)
maps = st.dictionaries(names, bodies, max_size=5)


def specs_of(bodies_by_name: dict[str, str]) -> list[UpstreamSpec]:
    """Upstreams by name and body; of names that differ in case alone, the last."""
    specs = [parse_commands(name, body) for name, body in bodies_by_name.items()]
    return [*{spec.name.lower(): spec for spec in specs}.values()]


def one(name: str, port: int = 80) -> UpstreamSpec:
    """An upstream with one server."""
    return parse_commands(name, f"server 127.0.0.1:{port};")


def parsed(specs: Sequence[UpstreamSpec], configured: Sequence[UpstreamSpec] = (), sequence: int = 7) -> Dump:
    """What is read of the dump of these."""
    return parse_dump(print_dump(specs, configured, sequence), PATH, STAMP)


class PrintTests(SynchronousTestCase):
    """What stands in a dump."""

    def test_text(self) -> None:
        """A dump is comments with number and checksum, then upstream blocks as nginx reads them."""
        data = print_dump([one("a", 81)], [], 42)
        block = b"upstream a {\n    server 127.0.0.1:81;\n}\n"
        title, rest = data.split(b"\n", 1)
        self.assertTrue(title.startswith(b"# "))
        checksum = sha256(block).hexdigest().encode()
        self.assertEqual(rest, b"# sequence 42\n# sha256 " + checksum + b"\n" + block)

    def test_nginx_may_include_it(self) -> None:
        """The whole file reads as a configuration that holds the upstreams and nothing else."""
        text = print_dump([one("a", 81), one("b")], [one("b"), one("c")], 42).decode()
        self.assertEqual(parse_upstreams(text, PATH), [one("a", 81)])

    def test_configured_ones(self) -> None:
        """A configured upstream is left out while it is unchanged, and named when it was deleted."""
        dump = parsed(
            [one("New"), one("same"), one("CHANGED", 81)], [one("same"), one("changed"), one("Gone")]
        )
        self.assertEqual(dump.entries, (one("New"), "same", one("CHANGED", 81)))
        self.assertEqual(dump.deleted, {b"gone"})
        self.assertEqual(dump.specs, (one("New"), one("CHANGED", 81)))

    @given(maps, maps, st.integers(0, 2**63))
    @settings(deadline=None)
    def test_round_trip(self, now: dict[str, str], before: dict[str, str], sequence: int) -> None:
        """With the configuration, a dump gives back every upstream, in order."""
        specs, configured = specs_of(now), specs_of(before)
        dump = parsed(specs, configured, sequence)
        said = {spec.name.lower(): spec for spec in configured}
        whole = [said[entry.lower()] if isinstance(entry, str) else entry for entry in dump.entries]
        self.assertEqual(whole, specs)
        self.assertEqual(dump.deleted, {fold(name) for name in said} - {fold(spec.name) for spec in specs})
        self.assertEqual((dump.sequence, dump.origin), (sequence, Origin.DYUPS))


class ParseTests(SynchronousTestCase):
    """Whose dump it is, and what is wrong with it."""

    def test_edited(self) -> None:
        """A dump that was changed by hand is known as such, and says what the hand wrote."""
        data = print_dump([one("a")], [], 42).replace(b":80;", b":8080;")
        dump = parse_dump(data, PATH, STAMP)
        self.assertEqual((dump.sequence, dump.origin, dump.specs), (42, Origin.EDITED, (one("a", 8080),)))

    def test_foreign(self) -> None:
        """A file that dyups never wrote, like the seed's, is read as it is."""
        data = b"\nupstream host1 {\n    server 127.0.0.1:8088;\n}\n"
        dump = parse_dump(data, PATH, STAMP)
        self.assertEqual((dump.sequence, dump.origin, dump.specs), (0, Origin.FOREIGN, (one("host1", 8088),)))

    def test_places(self) -> None:
        """What has to be read knows its line, whatever stands before it."""
        plain, other = (
            "upstream a {\n    server 127.0.0.1:80;\n}\n",
            "upstream %s { least_conn; server 1.1.1.1; }\n",
        )
        dump = parse_dump(f"{plain}\n{other % 'b'}# a remark\n{other % 'c'}".encode(), PATH, STAMP)
        self.assertIsInstance(dump.specs[0], Written)
        places = [spec.place for spec in dump.specs if not isinstance(spec, Written)]
        self.assertEqual(places, [(PATH, 5), (PATH, 7)])

    def test_a_block_within_quotes(self) -> None:
        """What only looks like a block is none."""
        plain = "upstream a {\n    server 127.0.0.1:80;\n}\n"
        dump = parse_dump(f'upstream b {{ server 1.1.1.1; hash "x\n{plain}"; }}\n'.encode(), PATH, STAMP)
        self.assertEqual([spec.name for spec in dump.specs], ["b"])
        error = self.assertRaises(
            ConfigError, parse_dump, f"upstream b {{\n{plain}}}\n".encode(), PATH, STAMP
        )
        self.assertEqual((error.message, error.line), ('"upstream" directive is not allowed here', 2))

    def test_plain_twice(self) -> None:
        """A name that comes twice is refused with the line of the second, however plain both are."""
        plain = "upstream %s {\n    server 127.0.0.1:80;\n}\n"
        error = self.assertRaises(ConfigError, parse_dump, (plain % "a" + plain % "A").encode(), PATH, STAMP)
        self.assertEqual(str(error), f'duplicate upstream "A" in {PATH}:4')

    def test_comment_before_the_head(self) -> None:
        """Comments above the head do not hide it."""
        data = b"# mine\n" + print_dump([one("a")], [], 42)
        self.assertEqual(parse_dump(data, PATH, STAMP).origin, Origin.DYUPS)

    def test_errors(self) -> None:
        """A file that nginx would not include is refused with file and line."""
        cases = {
            b"upstream a {\n    server;\n}\n": f"{PATH}:2",
            b"upstream a { server 1.1.1.1; }\nlisten 80;\n": f"{PATH}:2",
            b"upstream a { server 1.1.1.1; }\n\nupstream A { server 1.1.1.1; }\n": f'upstream "A" in {PATH}:3',
            b"# fine\n# \xff\n": f"text is not UTF-8 in {PATH}:2",
        }
        for data, message in cases.items():
            error = self.assertRaises(ConfigError, parse_dump, data, PATH, STAMP)
            self.assertTrue(str(error).endswith(message), str(error))

    def test_wrong_behind_a_checksum(self) -> None:
        """A block that is wrong though the checksum is right is refused with its own line of the file."""
        head, plain = print_dump([], [], 7), "upstream a {\n    server 127.0.0.1:80;\n}\n"
        body = f"{plain}{plain.replace('80', '0')}".encode()
        data = head.replace(sha256(b"").hexdigest().encode(), sha256(body).hexdigest().encode()) + body
        error = self.assertRaises(ConfigError, parse_dump, data, PATH, STAMP)
        self.assertEqual(error.message, 'invalid port in upstream "127.0.0.1:0"')
        self.assertEqual((error.file, error.line), (PATH, 8))

    @given(st.binary(max_size=80) | st.text("# usp{};\n1.", max_size=80).map(str.encode))
    @settings(deadline=None)
    def test_anything(self, data: bytes) -> None:
        """Any file is read or refused with ConfigError."""
        try:
            parse_dump(data, PATH, STAMP)
        except ConfigError as error:
            self.assertEqual(error.file, PATH)


class FileTests(SynchronousTestCase):
    """The dump on disk."""

    def test_absent(self) -> None:
        """There need not be a dump."""
        self.assertIsNone(read_dump(Disk(), PATH))

    def test_unreadable(self) -> None:
        """A dump that cannot be read stops the start, as nginx words it."""
        disk = Disk(fail_calls={"read": errno.EACCES})
        error = self.assertRaises(ConfigError, read_dump, disk, PATH)
        self.assertEqual(str(error), f'open() "{PATH}" failed (13: read fails)')

    def test_mode_is_kept(self) -> None:
        """A dump that is replaced keeps its mode; a new one is readable to all."""
        disk = Disk()
        write_dump(disk, PATH, b"one")
        self.assertEqual(disk.names[PATH].mode, 0o644)
        disk.put(PATH, b"two", 0o600)
        write_dump(disk, PATH, b"three")
        self.assertEqual((disk.content(PATH), disk.names[PATH].mode), (b"three", 0o600))

    def test_stamp(self) -> None:
        """A dump knows which version of the file it is."""
        disk = Disk()
        write_dump(disk, PATH, print_dump([one("a")], [], 1))
        dump = read_dump(disk, PATH)
        assert dump is not None
        self.assertEqual(dump.stamp, disk.stamp(PATH))
