"""Tests of dyups.health.polls."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

from twisted.internet.interfaces import IReadWriteDescriptor
from twisted.internet.testing import MemoryReactor
from twisted.python.failure import Failure
from twisted.trial.unittest import SynchronousTestCase
from zope.interface.verify import verifyObject

from dyups.health.polls import ByReactor, polls_of


class ChoiceTests(SynchronousTestCase):
    """Who is asked."""

    def test_loop(self) -> None:
        """A reactor that runs on a loop has it asked directly; another is asked itself."""
        loop = SimpleNamespace(add_reader=None)
        self.assertIs(polls_of(SimpleNamespace(loop=loop)), loop)
        self.assertIsInstance(polls_of(MemoryReactor()), ByReactor)


class ReactorTests(SynchronousTestCase):
    """A reactor of Twisted's."""

    def setUp(self) -> None:
        self.reactor = MemoryReactor()
        self.polls = ByReactor(self.reactor)
        self.called: list[str] = []

    def call(self, name: str) -> Any:
        """Notes that it was called."""
        return lambda: self.called.append(name)

    def test_both(self) -> None:
        """One descriptor stands for the socket in both directions, and is forgotten with the last of them."""
        self.polls.add_writer(7, self.call("write"))
        self.polls.add_reader(7, self.call("read"))
        ((reader,), (writer,)) = self.reactor.getReaders(), self.reactor.getWriters()
        self.assertIs(reader, writer)
        verifyObject(IReadWriteDescriptor, reader)
        reader.doRead()
        writer.doWrite()
        self.assertEqual((self.called, reader.fileno(), reader.logPrefix()), (["read", "write"], 7, "check"))
        self.polls.remove_writer(7)
        self.assertEqual((len(self.polls._known), self.reactor.getWriters()), (1, []))
        self.polls.remove_reader(7)
        self.assertEqual((self.polls._known, self.reactor.getReaders()), ({}, []))
        reader.doRead()
        writer.doWrite()
        self.assertEqual(self.called, ["read", "write"])

    def test_reactor_stops(self) -> None:
        """What the reactor closes at its end is an end like any other: reading tells of it."""
        self.polls.add_reader(7, self.call("read"))
        (reader,) = self.reactor.getReaders()
        reader.connectionLost(Failure(ZeroDivisionError()))
        self.assertEqual(self.called, ["read"])
