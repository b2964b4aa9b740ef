"""``error_log`` of blocks: what is said of a request goes to the logs of its place."""

from __future__ import annotations

import os
from unittest import mock

from twisted.trial.unittest import SynchronousTestCase

from dyups.config.build import build
from dyups.config.model import ErrorLog, Settings
from dyups.config.parser import Tree, parse_text
from dyups.metrics.errorlog import ErrorLogObserver, Placed, observer_of, placed, placed_as
from tests.metrics.test_errorlog import complaint


class NoVariables:
    """A table of variables in which nothing is (``combined`` holds with any)."""

    def lookup(self, name: str) -> None:
        return None


def settings_of(text: str, prefix: str) -> Settings:
    """The settings of a configuration, its logs in ``prefix``."""
    return build(Tree(parse_text(text)), prefix=prefix, variables=NoVariables())


class PlaceTests(SynchronousTestCase):
    """Logs of blocks: what is said of a request goes to those of its block alone."""

    def setUp(self) -> None:
        self.folder = self.mktemp()
        os.mkdir(self.folder)
        self.main, self.shop, self.paths = (
            self.log("main"),
            self.log("shop", "info"),
            self.log("paths", "crit"),
        )
        self.places = [(self.shop,), (self.shop, self.paths)]
        self.observer = ErrorLogObserver([self.main], self.places)
        self.addCleanup(self.observer.close)

    def log(self, name: str, level: str = "error") -> ErrorLog:
        return ErrorLog(os.path.join(self.folder, name), level)

    def read(self, name: str) -> list[str]:
        with open(os.path.join(self.folder, name), encoding="utf-8") as file:
            return [line.split(": ", 1)[1].rstrip("\n") for line in file]

    def all(self) -> tuple[list[str], list[str], list[str]]:
        return self.read("main"), self.read("shop"), self.read("paths")

    def test_from_the_start(self) -> None:
        """All files exist before anything is logged; two blocks that name the same file share it."""
        self.assertEqual(sorted(os.listdir(self.folder)), ["main", "paths", "shop"])
        opened = [os.readlink(f"/proc/self/fd/{name}") for name in self.descriptors()]
        self.assertEqual(len([path for path in opened if path.endswith("/shop")]), 1)

    def descriptors(self) -> list[str]:
        found = []
        for name in os.listdir("/proc/self/fd"):
            if os.path.lexists(f"/proc/self/fd/{name}"):
                found.append(name)
        return found

    def test_placed(self) -> None:
        """A placed message goes to its logs, each from its level on, and others to those outside."""
        self.observer(complaint("info", placed("one", self.places[0])))
        self.observer(complaint("crit", placed("two", self.places[1])))
        self.observer(complaint("error", "three"))
        self.assertEqual(self.all(), (["three"], ["one", "two"], ["two"]))

    def test_unknown_place(self) -> None:
        """A place that this configuration does not have (a request from before a reload) is outside."""
        self.observer(complaint("error", placed("x", (self.paths,))))
        self.assertEqual(self.all(), (["x"], [], []))

    def test_nothing_formatted_below(self) -> None:
        """What the logs of the place do not want costs no formatting, whatever others want."""
        with mock.patch("dyups.metrics.errorlog.format_line") as formatted:
            self.observer(complaint("debug", placed("x", self.places[1])))
            self.observer(complaint("info", "x"))
        formatted.assert_not_called()

    def test_reopen(self) -> None:
        """Logs of blocks are opened anew like others."""
        path = self.shop.path
        os.rename(path, path + ".1")
        self.assertEqual(self.observer.reopen(), [])
        self.observer(complaint("error", placed("x", self.places[0])))
        self.assertEqual((self.read("shop"), self.read("shop.1")), (["x"], []))

    def test_become(self) -> None:
        """After a reload places are the new configuration's."""
        other = self.log("other")
        self.observer.become(ErrorLogObserver([self.main], [(other,)]))
        self.observer(complaint("error", placed("one", (other,))))
        self.observer(complaint("error", placed("two", self.places[0])))
        self.assertEqual((self.read("other"), self.read("main"), self.read("shop")), (["one"], ["two"], []))

    def test_of_a_configuration(self) -> None:
        """The blocks' logs are those that hold in them: their own, else those around."""
        text = (
            "error_log main; http { error_log shop info; server { location / { }"
            "location /x { error_log shop info; error_log paths crit; } } }"
        )
        found = settings_of(f"events {{ }} {text}", self.folder)
        assert found.http is not None
        (server,) = found.http.listens[0].servers
        inside, outside = (location.settings.error_log for location in reversed(server.locations))
        self.assertEqual((server.settings.error_log, outside), ((self.shop,), (self.shop,)))
        observer = observer_of(found)
        self.addCleanup(observer.close)
        observer(complaint("crit", placed("x", inside)))
        observer(complaint("info", placed("y", outside)))
        observer(complaint("error", "z"))
        self.assertEqual(self.all(), (["z"], ["x", "y"], ["x"]))

    def test_without_http(self) -> None:
        """A configuration that serves nothing has the logs outside alone."""
        observer = observer_of(settings_of("events { } error_log main;", self.folder))
        self.addCleanup(observer.close)
        observer(complaint("error", "x"))
        self.assertEqual(self.read("main"), ["x"])

    def test_texts(self) -> None:
        """A placed text is the text itself, and places another that is made of it."""
        found = placed("x", self.places[0])
        self.assertEqual(found, "x")
        other = placed_as(found, found + "y")
        assert isinstance(other, Placed)
        self.assertEqual((other, other.logs), ("xy", self.places[0]))
        self.assertNotIsInstance(placed_as("x", "y"), Placed)
