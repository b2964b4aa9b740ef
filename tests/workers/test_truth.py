"""Tests of dyups.workers.truth."""

from __future__ import annotations

import os
from pathlib import Path

from twisted.trial.unittest import SynchronousTestCase

from dyups.config.parser import Tree, parse_text
from dyups.config.upstreams import parse_commands
from dyups.control.command import Update
from dyups.errors import ConfigError
from dyups.persist.dumpfile import print_dump
from dyups.persist.journal import HEADER, encode_record
from dyups.upstream.resolve import resolve_now
from dyups.workers import truth as module
from dyups.workers.configuration import Source, built, read_configuration
from dyups.workers.truth import Truth, carry_over, establish, rehearse
from tests.workers.fakes import complaints

DUMP = "dyups_upstream_conf conf/upstream.conf; include conf/upstream.conf;"
ONE = "upstream one { server 127.0.0.1:1; }"
TWO = "upstream two { server 127.0.0.1:2; }"


def truth_of(http: str) -> Truth:
    """What this ``http`` block says."""
    tree = Tree(
        parse_text(
            f"events {{ }} http {{ access_log off; server {{ listen 127.0.0.1:1; access_log off; {http} }} }}"
        ),
        (),
    )
    return establish(built(tree, "/nowhere", None))


def say(truth: Truth, name: str, body: str) -> None:
    """A change while running."""
    spec = parse_commands(name, body, truth.upstreams.variables)
    truth.upstreams.replace(spec, {"127.0.0.1": ("127.0.0.1",)})


class TruthCase(SynchronousTestCase):
    """A prefix with a configuration, a dump and a journal."""

    def setUp(self) -> None:
        self.prefix = Path(os.path.abspath(self.mktemp()))
        (self.prefix / "conf").mkdir(parents=True)
        self.dump = self.prefix / "conf" / "upstream.conf"
        self.said = complaints(self, module)

    def establish(self, http: str) -> Truth:
        """What this configuration says, with whatever files there are."""
        path = self.prefix / "conf" / "nginx.conf"
        path.write_text(f"events {{ }} http {{ {http} }}")
        return establish(read_configuration(Source(str(path))), lambda name: ("127.0.0.9",))

    def change(self, truth: Truth, name: str, port: int) -> None:
        """A change while running; 0 deletes."""
        if port:
            spec = parse_commands(name, f"server 127.0.0.1:{port};")
            truth.upstreams.replace(spec, resolve_now(spec))
        else:
            truth.upstreams.delete(name)
        truth.upstreams.sequence += 1

    def shown(self, truth: Truth) -> dict[str, int]:
        """The port of each upstream."""
        return {spec.name: spec.servers[0].port for spec in truth.upstreams.specs()}


class RehearsalTests(TruthCase):
    """A test of the configuration."""

    def rehearse(self, http: str) -> list[str]:
        path = self.prefix / "conf" / "nginx.conf"
        path.write_text(f"events {{ }} http {{\n{http}\n}}")

        def unknown(name: str) -> tuple[str, ...]:
            raise OSError(name)

        return rehearse(read_configuration(Source(str(path))), unknown)

    def test_names(self) -> None:
        """What would stop a start does here; what a start would warn of is told; nothing is made on disk."""
        passed = "server { listen 127.0.0.1:1; location / { proxy_pass http://nobody; } }"
        self.assertIn(
            'host not found in upstream "nobody"', str(self.assertRaises(ConfigError, self.rehearse, passed))
        )
        [warning] = self.rehearse(f"dyups_upstream_conf conf/upstream.conf; {passed}")
        self.assertIn('host not found in upstream "nobody"', warning)
        self.assertEqual(self.rehearse(ONE), [])
        self.assertEqual([path.name for path in self.prefix.rglob("*") if path.is_file()], ["nginx.conf"])

    def test_dump(self) -> None:
        """A dump that is wrong, and one that was edited."""
        self.dump.write_text("upstream x { bogus; }")
        self.assertRaises(ConfigError, self.rehearse, DUMP)
        self.dump.write_text(print_dump((), (), 3).decode() + TWO)
        [warning] = self.rehearse(DUMP)
        self.assertIn("was edited", warning)


class StartTests(TruthCase):
    """At the start."""

    def test_limits_apart(self) -> None:
        """Where a limit would hold for each of several workers by itself, the log says so, and what helps."""
        app, two = "server 127.0.0.1:1 max_conns=5;", "zone z 64k; server 127.0.0.1:2 max_conns=5;"
        http = f"upstream app {{ {app} }} upstream two {{ {two} }}"
        path = self.prefix / "conf" / "nginx.conf"
        for ahead, warned in (
            ("worker_processes 2;", ["app"]),
            ("", []),
            ("worker_processes 2; master_process off;", []),
        ):
            self.said.clear()
            path.write_text(f"{ahead} events {{ }} http {{ {http} }}")
            establish(read_configuration(Source(str(path))))
            said = [text for level, text in self.said if level == "warn" and "max_conns" in text]
            self.assertEqual([text.split('"')[3] for text in said], warned, ahead)
            self.assertTrue(all('with "zone" it holds for all' in text for text in said))

    def test_constants(self) -> None:
        """Names outside of upstreams are looked up once, here; one without address is said."""
        http = "server { location / { proxy_pass http://app.example; } }"
        self.assertEqual(dict(self.establish(http).constants), {"app.example": ("127.0.0.9",)})

    def test_warnings(self) -> None:
        """What was found out about dump and journal is said: damage at the level that is logged by default."""
        self.dump.write_text(ONE)
        (self.prefix / "conf" / "upstream.conf.journal").write_bytes(HEADER + b"nonsense" * 9)
        self.establish(DUMP)
        self.assertEqual([level for level, _ in self.said], ["error"])

    def test_mistake(self) -> None:
        """A dump that nginx would not include is a ConfigError."""
        self.dump.write_text("bogus;")
        self.assertRaises(ConfigError, self.establish, DUMP)


class ReloadTests(TruthCase):
    """At a reload."""

    def test_without_dump(self) -> None:
        """What was changed while running stands on top of the new configuration; the rest is the new one's."""
        old = self.establish(ONE + TWO + "upstream three { server 127.0.0.1:3; }")
        self.change(old, "ONE", 81)
        self.change(old, "late", 84)
        self.change(old, "three", 0)
        names = {"one": 91, "two": 92, "three": 93, "four": 94}
        new = self.establish(
            " ".join(f"upstream {name} {{ server 127.0.0.1:{port}; }}" for name, port in names.items())
        )
        self.assertTrue(carry_over(old, new))
        self.assertEqual(self.shown(new), {"ONE": 81, "two": 92, "four": 94, "late": 84})
        self.assertEqual(new.upstreams.sequence, 4)

    def test_nothing_changed(self) -> None:
        """Without changes the new configuration is all there is; it has a number of its own."""
        old = self.establish(ONE)
        new = self.establish(TWO)
        self.assertFalse(carry_over(old, new))
        self.assertEqual((self.shown(new), new.upstreams.sequence), ({"two": 2}, 1))

    def test_again_and_again(self) -> None:
        """A change survives any number of reloads."""
        truth = self.establish(ONE)
        self.change(truth, "late", 84)
        for _ in range(3):
            new = self.establish(ONE)
            carry_over(truth, new)
            truth = new
        self.assertEqual((self.shown(truth), truth.upstreams.sequence), ({"one": 1, "late": 84}, 4))

    def test_same_dump(self) -> None:
        """Dump and journal have it all: an edit by hand is honoured, and newer changes stand on top."""
        old = self.establish(DUMP)
        for name, port in (("kept", 1), ("edited", 2), ("dropped", 3)):
            self.change(old, name, port)
        text = print_dump(list(old.upstreams.specs()), (), 3).decode()
        text = text.replace("127.0.0.1:2;", "127.0.0.1:22;")
        self.dump.write_text(text[: text.index("upstream dropped")])
        self.change(old, "late", 4)
        record = encode_record(4, Update("late", "server 127.0.0.1:4;").encode())
        (self.prefix / "conf" / "upstream.conf.journal").write_bytes(HEADER + record)
        new = self.establish(DUMP)
        self.assertFalse(carry_over(old, new))
        self.assertEqual(self.shown(new), {"kept": 1, "edited": 22, "late": 4})
        self.assertEqual(new.upstreams.sequence, 5)

    def test_dump_taken_away(self) -> None:
        """A dump that somebody removed loses nothing: what was changed while running is written to another one."""
        old = self.establish(DUMP + ONE)
        self.change(old, "late", 4)
        new = self.establish(DUMP + ONE)
        self.assertTrue(carry_over(old, new))
        self.assertEqual(self.shown(new), {"one": 1, "late": 4})

    def test_another_dump(self) -> None:
        """From one dump file to another, or to none: everything comes along."""
        self.dump.write_text(TWO)
        old = self.establish(DUMP + ONE)
        self.change(old, "late", 4)
        for http in (ONE, DUMP.replace("upstream.conf", "other.conf") + ONE):
            new = self.establish(http)
            self.assertTrue(carry_over(old, new))
            self.assertEqual(self.shown(new), {"one": 1, "two": 2, "late": 4})

    def test_third_party(self) -> None:
        """With dyups_dump off the file is somebody else's: what it says counts as configured, changes stand on top."""
        self.dump.write_text(TWO)
        old = self.establish(DUMP + ONE + "dyups_dump off;")
        self.change(old, "late", 4)
        self.change(old, "three", 3)
        three = parse_commands("three", "server 127.0.0.1:3;")
        old.file_says([three], ["TWO"])
        self.change(old, "two", 0)
        self.dump.write_text("upstream five { server 127.0.0.1:5; }")
        new = self.establish(DUMP + ONE + "dyups_dump off;")
        carry_over(old, new)
        self.assertEqual(self.shown(new), {"one": 1, "five": 5, "late": 4})


class VariableTests(SynchronousTestCase):
    """Keys of balancing methods read what the configuration defines."""

    def test_still_there(self) -> None:
        """A key that was said while running is compiled anew with the new configuration."""
        old, new = truth_of("set $mine a;"), truth_of("set $mine b;")
        say(old, "x", "hash $mine; server 127.0.0.1; server 127.0.0.1:81;")
        self.assertTrue(carry_over(old, new))
        self.assertEqual([spec.name for spec in new.upstreams.specs()], ["x"])

    def test_gone(self) -> None:
        """An upstream whose key reads a variable that is gone stays as the files have it; others are carried over."""
        old, new = truth_of("set $mine a;"), truth_of("")
        say(old, "x", "hash $mine; server 127.0.0.1;")
        say(old, "y", "least_conn; server 127.0.0.1;")
        self.assertTrue(carry_over(old, new))
        self.assertEqual([spec.name for spec in new.upstreams.specs()], ["y"])
