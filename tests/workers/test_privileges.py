"""Tests of dyups.workers.privileges."""

from __future__ import annotations

import grp
import os
import pwd
import stat
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from dyups.config.parser import Tree, parse_file
from dyups.errors import ConfigError
from dyups.workers import privileges
from dyups.workers.configuration import Configuration, Source, read_configuration
from dyups.workers.privileges import Choice, Identity, Refused, become, hand_over_logs, make_temp_folders

PEOPLE = {"web": (33, 34), "nobody": (65534, 65533)}
GROUPS = {"web": 33, "staff": 50, "nogroup": 65532}


class Paper(SynchronousTestCase):
    """A system on paper: its users and groups, and what we may."""

    def setUp(self) -> None:
        self.groups = dict(GROUPS)
        self.people = dict(PEOPLE)
        self.patch(os, "geteuid", lambda: 0)
        self.patch(os, "getegid", lambda: 0)
        self.patch(pwd, "getpwnam", self.person)
        self.patch(privileges, "unreadable", lambda identity: None)
        self.patch(grp, "getgrnam", lambda name: SimpleNamespace(gr_gid=self.groups[name]))
        self.prefix = Path(os.path.abspath(self.mktemp()))
        (self.prefix / "conf").mkdir(parents=True)
        self.path = str(self.prefix / "conf" / "nginx.conf")

    def person(self, name: str) -> SimpleNamespace:
        user, group = self.people[name]
        return SimpleNamespace(pw_uid=user, pw_gid=group)

    def tree(self, text: str) -> Tree:
        Path(self.path).write_text(text)
        return parse_file(self.path)

    def read(self, text: str, **options: str) -> Configuration:
        self.tree(text)
        return read_configuration(Source(self.path, **options))

    def choice(self, text: str) -> Choice:
        return self.read(text).serve_as


class ChoiceTests(Paper):
    """Whom workers become."""

    def test_named(self) -> None:
        """The user and the group; a group that is not named has the user's name."""
        found = self.choice("user web staff; events { }")
        self.assertEqual(found, Choice(Identity("web", 33, 50)))
        self.assertEqual(self.choice("user web; events { }").identity, Identity("web", 33, 33))

    def test_not_named(self) -> None:
        """Root serves nobody: that user, with the group of that name, or ``nogroup``, or whatever group it has."""
        found = self.choice("events { }")
        self.assertEqual(found, Choice(Identity("nobody", 65534, 65532)))
        self.groups["nobody"] = 99
        self.assertEqual(self.choice("events { }").identity, Identity("nobody", 65534, 99))
        self.groups.clear()
        self.assertEqual(self.choice("events { }").identity, Identity("nobody", 65534, 65533))

    def test_unknown(self) -> None:
        """A user or group that the system does not know is a mistake, in nginx's words."""
        for text, reason in (
            ("\nuser who; events { }", f'getpwnam("who") failed in {self.path}:2'),
            ("user web who; events { }", f'getgrnam("who") failed in {self.path}:1'),
            ("user nobody; events { }", f'getgrnam("nobody") failed in {self.path}:1'),
        ):
            error = self.assertRaises(ConfigError, self.read, text)
            self.assertEqual(str(error), reason)
        error = self.assertRaises(ConfigError, self.read, "events { }", globals="user who;")
        self.assertEqual(str(error), 'getpwnam("who") failed in command line')
        self.people.clear()
        error = self.assertRaises(ConfigError, self.read, "events { }")
        self.assertEqual(str(error), 'getpwnam("nobody") failed')

    def test_not_root(self) -> None:
        """Who is not root becomes nobody else, and is told so where the configuration says otherwise."""
        self.patch(os, "geteuid", lambda: 1000)
        found = self.choice("\nuser who; events { }")
        self.assertIsNone(found.identity)
        warning = (
            'the "user" directive makes sense only if the master process runs with super-user privileges, '
            f"ignored in {self.path}:2"
        )
        self.assertEqual(found.warning, warning)
        self.assertEqual(self.choice("events { }"), Choice())

    def test_one_process(self) -> None:
        """Without a master there is nobody who could stay root: that is said where a user was named."""
        found = self.choice("master_process off; user web; events { }")
        self.assertIsNone(found.identity)
        self.assertIn(f"requests are served as root in {self.path}:1", found.warning)
        found = self.choice("master_process off; events { }")
        self.assertEqual(found, Choice())

    def test_modules_that_cannot_be_read(self) -> None:
        """Nobody's choice is dropped then; who was named is become all the same.  Both are said."""
        self.patch(privileges, "unreadable", lambda identity: "/root/os.py" if identity.user else None)
        found = self.choice("events { }")
        self.assertIsNone(found.identity)
        self.assertIn(
            'workers serve as root: there is no "user" directive, and "nobody" cannot read', found.still_root
        )
        found = self.choice("user web; events { }")
        self.assertEqual(found.identity, Identity("web", 33, 33))
        self.assertIn('the "user" directive names a user that cannot read ', found.warning)
        self.assertIn(f"in {self.path}:1", found.warning)

    def test_root(self) -> None:
        """``user root`` has what it asks for, always."""
        self.people["root"], self.groups["root"] = (0, 0), 0
        self.assertEqual(self.choice("user root; master_process off; events { }"), Choice())
        found = self.choice("user root; events { }")
        self.assertEqual(found, Choice(Identity("root", 0, 0)))


class ReadableTests(SynchronousTestCase):
    """What a user can read, by owner, groups and modes."""

    def readable(self, file: tuple[int, int, int], folder: tuple[int, int, int] = (0, 0, 0o755)) -> bool:
        """Can user 33 of group 34 read it?  Each is owner, group and mode."""
        kinds = {"/": (0, 0, stat.S_IFDIR | 0o755), "/lib": (*folder[:2], stat.S_IFDIR | folder[2])}
        kinds["/lib/os.py"] = (*file[:2], stat.S_IFREG | file[2])

        def look(path: str) -> Any:
            owner, group, mode = kinds[path]
            return SimpleNamespace(st_uid=owner, st_gid=group, st_mode=mode)

        return privileges.can_read("/lib/os.py", 33, {34}, look)

    def test_file(self) -> None:
        """The class that the user is in counts, and no other."""
        self.assertTrue(self.readable((0, 0, 0o604)))
        self.assertFalse(self.readable((0, 0, 0o440)))
        self.assertTrue(self.readable((0, 34, 0o640)))
        self.assertFalse(self.readable((0, 34, 0o604)))
        self.assertTrue(self.readable((33, 34, 0o400)))
        self.assertFalse(self.readable((33, 34, 0o044)))

    def test_folders(self) -> None:
        """Every folder on the way must let the user through."""
        self.assertFalse(self.readable((0, 0, 0o644), (0, 0, 0o700)))
        self.assertFalse(self.readable((33, 34, 0o644), (0, 0, 0o744)))
        self.assertTrue(self.readable((0, 0, 0o644), (0, 34, 0o710)))

    def test_our_modules(self) -> None:
        """Root reads all; what the user cannot read is named."""
        self.patch(os, "getgrouplist", lambda name, group: [group, 77])
        asked: list[tuple[int, set[int]]] = []
        self.patch(privileges, "can_read", lambda path, user, groups: asked.append((user, groups)))
        self.assertIsNone(privileges.unreadable(Identity("root", 0, 0)))
        self.assertEqual(privileges.unreadable(Identity("web", 33, 34)), os.path.realpath(os.__file__))
        self.assertEqual(asked, [(33, {34, 77})])


class BecomeTests(Paper):
    """Becoming somebody else."""

    def setUp(self) -> None:
        super().setUp()
        self.calls: list[tuple[object, ...]] = []
        self.denied = ""
        for name in ("setgid", "initgroups", "setuid"):
            self.patch(os, name, lambda *given, name=name: self.call(name, *given))

    def call(self, name: str, *given: object) -> None:
        if name == self.denied:
            raise PermissionError(1, "Operation not permitted")
        self.calls.append((name, *given))

    def test_all_of_it(self) -> None:
        """Group, further groups, user: in this order, for the user could not do the others."""
        become(Identity("web", 33, 50))
        self.assertEqual(self.calls, [("setgid", 50), ("initgroups", "web", 50), ("setuid", 33)])

    def test_denied(self) -> None:
        """Whatever cannot be done is said in nginx's words."""
        for self.denied, words in (
            ("setgid", "setgid(50)"),
            ("initgroups", "initgroups(web, 50)"),
            ("setuid", "setuid(33)"),
        ):
            error = self.assertRaises(Refused, become, Identity("web", 33, 50))
            self.assertEqual(str(error), f"{words} failed (1: Operation not permitted)")

    def test_root(self) -> None:
        """``user root`` needs no leave."""
        become(Identity("root", 0, 0))
        self.assertEqual(self.calls, [])

    def test_tried(self) -> None:
        """A start tries it in a process of its own, and stays who it is."""
        self.patch(privileges.os, "fork", self.fork)
        self.patch(privileges.os, "_exit", lambda code: self.calls.append(("exit", code)))
        self.patch(privileges.os, "waitpid", lambda *given: self.calls.append(("wait", *given)))
        self.child = 7
        privileges.check_can_become(Identity("web", 33, 50))
        self.assertEqual(self.calls, [("wait", 7, 0)])
        self.child, self.denied = 0, "setuid"
        error = self.assertRaises(Refused, privileges.check_can_become, Identity("web", 33, 50))
        self.assertEqual(str(error), "setuid(33) failed (1: Operation not permitted)")
        self.assertIn(("exit", 0), self.calls)

    def fork(self) -> int:
        return self.child


class LogTests(Paper):
    """Log files that workers open by name."""

    def setUp(self) -> None:
        super().setUp()
        self.given: list[tuple[str, int, int]] = []
        self.patch(os, "fchown", self.chown)

    def chown(self, descriptor: int, user: int, group: int) -> None:
        path = os.readlink(f"/proc/self/fd/{descriptor}")
        self.given.append((os.path.relpath(path, self.prefix), user, group))

    def settings(self, text: str) -> Configuration:
        (self.prefix / "logs").mkdir(exist_ok=True)
        return self.read(f"user web; {text}")

    def test_handed_over(self) -> None:
        """Every file whose name is known becomes the user's, made where it is not there; no group is changed."""
        found = self.settings(
            "error_log stderr; error_log logs/e.log; events { } http { server { access_log logs/a.log; "
            "location /x { access_log logs/b.log; error_log logs/f.log; "
            "error_log syslog:server=127.0.0.1; } location /y { access_log logs/$host.log; } } "
            "server { listen 81; access_log off; } }"
        )
        assert found.serve_as.identity is not None
        self.assertEqual([*hand_over_logs(found.settings, found.serve_as.identity)], [])
        self.assertEqual(self.given, [(f"logs/{name}.log", 33, -1) for name in "eafb"])

    def test_mode(self) -> None:
        """The user must be able to write; who owns the file already is left alone."""
        found = self.settings("error_log logs/e.log; events { }")
        path = self.prefix / "logs/e.log"
        path.write_text("")
        path.chmod(0o444 if os.getuid() == 0 else 0o644)
        [*hand_over_logs(found.settings, Identity("me", os.getuid(), 0))]
        self.assertEqual(self.given, [])
        self.assertEqual(stat.S_IMODE(path.stat().st_mode), 0o644)

    def test_temp_folders(self) -> None:
        """Folders for bodies are made where there may be such files, and become the user's."""
        owned: list[tuple[str, int, int]] = []
        self.patch(os, "chown", lambda *args: owned.append(args))
        found = self.settings(
            "events { } http { server { location /x { client_body_in_file_only on; } location / {"
            "client_body_in_file_only clean; client_body_temp_path a/b; } } "
            "server { listen 81; client_body_temp_path c; } }"
        )
        me = Identity("web", os.getuid() + 1, 0)
        self.assertEqual([*make_temp_folders(found.settings, me)], [])
        self.assertEqual(
            sorted(owned), [(f"{self.prefix}/{name}", me.user, -1) for name in ("a/b", "client_body_temp")]
        )
        self.assertEqual([*make_temp_folders(found.settings, None)], [])
        self.assertEqual(len(owned), 2)
        self.assertFalse((self.prefix / "c").exists())
        (self.prefix / "client_body_temp").rmdir()
        (self.prefix / "client_body_temp").write_text("in the way")
        (reason,) = make_temp_folders(found.settings, me)
        self.assertIn('mkdir() "', reason)
        self.assertEqual([*make_temp_folders(self.settings("events { }").settings, me)], [])

    def test_not_possible(self) -> None:
        """What fails is told; a device is no file to be given away."""
        found = self.settings("error_log /dev/null; error_log logs/e.log; events { }")
        (self.prefix / "logs").rmdir()
        (reason,) = hand_over_logs(found.settings, Identity("web", 33, 33))
        self.assertIn(f'open() "{self.prefix}/logs/e.log" failed (2: ', reason)
        self.assertEqual(self.given, [])
