"""Tests of ``dyups.net.sockets``, on loopback and in the tests' own folder."""

from __future__ import annotations

import errno
import gc
import os
import socket

from twisted.trial.unittest import SynchronousTestCase

from dyups.interfaces import TcpAddress, UnixAddress
from dyups.net.ports import listen_backlog
from dyups.net.sockets import BACKLOG, close_listener, open_listener


class TcpTests(SynchronousTestCase):
    """Listening on TCP."""

    def open(self, host: str, port: int = 0, **options: object) -> socket.socket:
        """A listener that is closed after the test."""
        listener = open_listener(TcpAddress(host, port), **options)  # type: ignore[arg-type]
        self.addCleanup(listener.close)
        return listener

    def test_listening(self) -> None:
        """It listens, does not block, is not inherited, and may be bound again right after a restart."""
        listener = self.open("127.0.0.1")
        with socket.create_connection(listener.getsockname()):
            listener.accept()[0].close()
        self.assertEqual(listener.gettimeout(), 0)
        self.assertFalse(listener.get_inheritable())
        self.assertTrue(listener.getsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR))

    def test_backlog(self) -> None:
        """It is the given one, or nginx's default."""
        self.assertEqual(listen_backlog(self.open("127.0.0.1", backlog=9), None), 9)
        self.assertEqual(listen_backlog(self.open("127.0.0.1"), None), BACKLOG)

    def test_in_use(self) -> None:
        """An address that somebody listens on is ``EADDRINUSE``; no descriptor is left open."""
        port = self.open("127.0.0.1").getsockname()[1]
        gc.collect()  # what other tests have left
        before = len(os.listdir("/proc/self/fd"))
        with self.assertRaises(OSError) as caught:
            self.open("127.0.0.1", port)
        self.assertEqual(caught.exception.errno, errno.EADDRINUSE)
        self.assertEqual(len(os.listdir("/proc/self/fd")), before)

    def test_reuseport(self) -> None:
        """With ``reuseport`` several sockets share an address, without it they do not."""
        port = self.open("127.0.0.1", reuseport=True).getsockname()[1]
        self.open("127.0.0.1", port, reuseport=True)
        self.assertRaises(OSError, self.open, "127.0.0.1", port)

    def test_ipv6only(self) -> None:
        """An IPv6 socket takes no IPv4 clients unless told to, as with nginx."""
        option = (socket.IPPROTO_IPV6, socket.IPV6_V6ONLY)
        self.assertEqual(self.open("::").getsockopt(*option), 1)
        self.assertEqual(self.open("::", ipv6only=False).getsockopt(*option), 0)

    def test_backlog_out_of_range(self) -> None:
        """What the system cannot take leaves nothing open."""
        gc.collect()  # what other tests have left
        before = len(os.listdir("/proc/self/fd"))
        self.assertRaises(OverflowError, self.open, "127.0.0.1", backlog=2**40)
        self.assertEqual(len(os.listdir("/proc/self/fd")), before)

    def test_names_are_not_looked_up(self) -> None:
        """Only literal addresses: a name is an ``OSError``."""
        self.assertRaises(OSError, self.open, "localhost")


class UnixTests(SynchronousTestCase):
    """Listening on a UNIX socket."""

    def setUp(self) -> None:
        self.path = self.mktemp()[-80:].replace("/", "-")
        self.address = UnixAddress(self.path)

    def test_life(self) -> None:
        """Everybody may connect while it listens; closing it removes the file, even if that has gone already."""
        listener = open_listener(self.address)
        self.assertEqual(os.stat(self.path).st_mode & 0o777, 0o666)
        with socket.socket(socket.AF_UNIX) as client:
            client.connect(self.path)
        close_listener(listener)
        self.assertFalse(os.path.exists(self.path))

    def test_file_gone(self) -> None:
        """Closing does not mind that somebody else has removed the file."""
        listener = open_listener(self.address)
        os.unlink(self.path)
        close_listener(listener)
        self.assertEqual(listener.fileno(), -1)

    def test_stale_file(self) -> None:
        """A file left behind is ``EADDRINUSE``, and stays: it may be in use."""
        open_listener(self.address).close()
        self.addCleanup(os.unlink, self.path)
        with self.assertRaises(OSError) as caught:
            open_listener(self.address)
        self.assertEqual(caught.exception.errno, errno.EADDRINUSE)
        self.assertTrue(os.path.exists(self.path))

    def test_abstract(self) -> None:
        """A name in Linux's abstract space has no file to give a mode to or to remove."""
        address = UnixAddress(f"\0dyups-test-{os.getpid()}")
        listener = open_listener(address)
        close_listener(listener)
        self.assertEqual(listener.fileno(), -1)

    def test_closing_tcp(self) -> None:
        """For TCP closing is all there is."""
        listener = open_listener(TcpAddress("127.0.0.1", 0))
        close_listener(listener)
        self.assertEqual(listener.fileno(), -1)
