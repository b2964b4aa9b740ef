"""One request of an HTTP/2 connection: body, answer, pace and end."""

from __future__ import annotations

from h2.errors import ErrorCodes
from h2.events import DataReceived
from h2.settings import SettingCodes
from twisted.trial.unittest import SynchronousTestCase

from dyups.proxy.http2.stream import HIGH
from tests.proxy.conversation import Wire, World, complaints, unrest
from tests.proxy.http2.asking import Asker

PROXY = "upstream b { server 127.0.0.1:81; } server { listen 80; http2 on; %s location / { proxy_pass http://b; %s } }"
LENGTH = (b"content-length", b"%d")


def proxying(server: str = "", location: str = "", **options: object) -> World:
    """A world that forwards."""
    return World(PROXY % (server, location), **options)  # type: ignore[arg-type]


def heard(wire: Wire) -> bytes:
    """What a server has got."""
    return wire.read()


class Answers(SynchronousTestCase):
    """Answers."""

    def test_an_answer_of_ours(self) -> None:
        """Head and body in frames; the variables know the protocol."""
        world = World(
            "server { listen 80; http2 on; location / { echo $server_protocol $http2 $scheme $request; } }"
        )
        answer = Asker(world).ask(b"/a")
        self.assertEqual((answer.status, answer.ended), (200, True))
        self.assertEqual(answer.body, b"HTTP/2.0 h2c http GET /a HTTP/2.0\n")
        self.assertEqual(answer.value(b"content-type"), b"text/plain")
        self.assertIsNone(answer.value(b"connection"))

    def test_a_forwarded_one(self) -> None:
        """The server sees HTTP/1.1; its answer comes with lower names, without fields of the connection."""
        world = proxying()
        asker = Asker(world)
        number = asker.begin(b"/x", (b"a", b"b"), (b"cookie", b"c=1"), (b"cookie", b"d=2"))
        (server,) = world.servers
        self.assertEqual(heard(server), b"GET /x HTTP/1.1\r\nHost: b\r\na: b\r\ncookie: c=1; d=2\r\n\r\n")
        server.say(b"HTTP/1.1 200 OK\r\nX-Y: z\r\nKeep-Alive: 1\r\nContent-Length: 2\r\n\r\nab")
        asker.send()
        answer = asker.answer(number)
        self.assertEqual((answer.status, answer.body, answer.ended), (200, b"ab", True))
        self.assertEqual((answer.value(b"x-y"), answer.value(b"keep-alive")), (b"z", None))
        self.assertEqual((unrest(world), world.plane.counters.active), ([], 1))

    def test_a_chunked_one(self) -> None:
        """Chunks end with the hop; trailer fields are trailers where they are passed on."""
        world = proxying(location="proxy_pass_trailers on;")
        asker = Asker(world)
        number = asker.begin()
        head = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
        world.servers[0].say(head + b"2\r\nab\r\n")
        asker.send()
        self.assertEqual((asker.answer(number).body, asker.answer(number).ended), (b"ab", False))
        world.servers[0].say(b"1\r\nc\r\n0\r\nX-Sum: 1\r\n\r\n")
        asker.send()
        answer = asker.answer(number)
        self.assertEqual((answer.body, answer.ended, answer.trailers), (b"abc", True, [(b"x-sum", b"1")]))

    def test_trailers_of_ours(self) -> None:
        """``add_trailer`` behind a body of known length."""
        world = World("server { listen 80; http2 on; location / { add_trailer X-T u; echo -n a; } }")
        answer = Asker(world).ask()
        self.assertEqual((answer.body, answer.trailers, answer.ended), (b"a", [(b"x-t", b"u")], True))

    def test_without_a_body(self) -> None:
        """HEAD, 204 and 304 end with their heads."""
        world = World(
            "server { listen 80; http2 on; location / { echo a; } location /n { return 204; }"
            " location /m { return 304; } }"
        )
        asker = Asker(world)
        for path, method, status in ((b"/", b"HEAD", 200), (b"/n", b"GET", 204), (b"/m", b"GET", 304)):
            answer = asker.ask(path, method=method)
            self.assertEqual((answer.status, answer.body, answer.ended), (status, b"", True))
        self.assertEqual(asker.ask(method=b"HEAD").value(b"content-length"), b"2")

    def test_a_bad_request(self) -> None:
        """It is answered 400 with its line in the log, and the connection goes on."""
        world = World("server { listen 80; http2 on; location / { echo a; } }")
        lines = complaints(self)
        asker = Asker(world)
        answer = asker.ask(b"/", (b"upgrade", b"x"))
        self.assertEqual((answer.status, answer.ended), (400, True))
        self.assertIn(b"400 Bad Request", answer.body)
        self.assertIn('client sent connection-specific header "upgrade"', lines[-1][1])
        self.assertIn('request: "GET / HTTP/2.0"', lines[-1][1])
        self.assertEqual(asker.ask(b"/", (b"upgrade", b"x"), method=b"HEAD").body, b"")
        self.assertEqual(asker.ask().status, 200)

    def test_early_hints(self) -> None:
        """103 comes as a head of its own."""
        world = proxying(location="early_hints 1;")
        asker = Asker(world)
        number = asker.begin()
        world.servers[0].say(b"HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n")
        asker.send()
        world.servers[0].say(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
        asker.send()
        found = [dict(head)[b":status"] for head in asker.answer(number).heads]
        self.assertEqual((found, asker.answer(number).ended), ([b"103", b"200"], True))

    def test_an_answer_that_breaks_off(self) -> None:
        """The client sees by RST_STREAM that it is not whole."""
        world = proxying()
        asker = Asker(world)
        number = asker.begin()
        world.servers[0].say(b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nab")
        world.servers[0].hang_up()
        asker.send()
        answer = asker.answer(number)
        self.assertEqual((answer.body, answer.ended), (b"ab", False))
        self.assertEqual(answer.reset, ErrorCodes.INTERNAL_ERROR)
        self.assertEqual(unrest(world), [])

    def test_no_answer_at_all(self) -> None:
        """``return 444`` ends the stream, and nothing else."""
        world = World("server { listen 80; http2 on; location / { echo a; } location /x { return 444; } }")
        asker = Asker(world)
        answer = asker.ask(b"/x")
        self.assertEqual((answer.heads, answer.reset), ([], ErrorCodes.INTERNAL_ERROR))
        self.assertEqual(asker.ask().status, 200)


class Bodies(SynchronousTestCase):
    """Bodies of requests."""

    def test_of_known_length(self) -> None:
        """It goes on as it comes."""
        world = proxying()
        asker = Asker(world)
        number = asker.begin(b"/", (b"content-length", b"4"), method=b"POST", ended=False)
        asker.body(number, b"ab")
        self.assertTrue(heard(world.servers[0]).endswith(b"Content-Length: 4\r\n\r\nab"))
        asker.body(number, b"cd", ended=True)
        self.assertEqual(heard(world.servers[0]), b"cd")
        world.servers[0].say(b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\n.")
        asker.send()
        self.assertEqual((asker.answer(number).body, asker.answer(number).reset), (b".", None))

    def test_of_unknown_length(self) -> None:
        """It goes on in chunks; trailers of the client are dropped."""
        world = proxying()
        asker = Asker(world)
        number = asker.begin(method=b"POST", ended=False)
        asker.body(number, b"ab")
        asker.body(number, b"")
        asker.h2.send_headers(number, [(b"x", b"y")], end_stream=True)
        asker.send()
        got = heard(world.servers[0])
        self.assertTrue(got.endswith(b"Transfer-Encoding: chunked\r\n\r\n2\r\nab\r\n0\r\n\r\n"), got)

    def test_a_server_that_takes_no_more(self) -> None:
        """The client's window fills and is given back as the server takes what came."""
        world = proxying(server="client_max_body_size 0;", high=1000)
        asker = Asker(world)
        number = asker.begin(method=b"POST", ended=False)
        (server,) = world.servers
        sent = 0
        while size := min(16384, asker.h2.local_flow_control_window(number)):
            asker.body(number, b"x" * size)
            sent += size
        self.assertLessEqual(sent, 2 * 65536)
        got = heard(server)
        while piece := heard(server):
            got += piece
            asker.send()
        self.assertEqual(got.count(b"x"), sent)
        self.assertGreater(asker.h2.local_flow_control_window(number), 16384)

    def test_empty_pieces_do_not_pile_up(self) -> None:
        """They take nothing of the window, so nothing else bounds how many of them wait for the server."""
        world = proxying(server="client_max_body_size 0;", high=1000)
        asker = Asker(world)
        number = asker.begin(method=b"POST", ended=False)
        while size := min(16384, asker.h2.local_flow_control_window(number)):
            asker.body(number, b"x" * size)
        stream = asker.wire.protocol._streams[number]
        waiting = len(stream._held)
        self.assertGreater(waiting, 0)
        for _ in range(100):
            asker.body(number, b"")
        self.assertEqual(len(stream._held), waiting)
        (server,) = world.servers
        got = b""
        while piece := heard(server):
            got += piece
        asker.body(number, b"", ended=True)
        self.assertTrue((got + heard(server)).endswith(b"\r\n0\r\n\r\n"))

    def test_a_narrow_window_opens_once_it_is_wanted(self) -> None:
        """``http2_body_preread_size 0`` lets nothing come before the request is served."""
        world = proxying(server="http2_body_preread_size 0;")
        asker = Asker(world)
        number = asker.begin(method=b"POST", ended=False)
        self.assertGreater(asker.h2.local_flow_control_window(number), 0)
        asker.body(number, b"ab", ended=True)
        self.assertIn(b"2\r\nab\r\n", heard(world.servers[0]))

    def test_too_large(self) -> None:
        """413 at once; what still comes is dropped until the client has sent it all, or for ``lingering_time``."""
        for ends in (True, False):
            world = proxying(server="client_max_body_size 10;")
            asker = Asker(world)
            number = asker.begin(b"/", (b"content-length", b"20"), method=b"POST", ended=False)
            answer = asker.answer(number)
            self.assertEqual((answer.status, answer.ended, answer.reset), (413, True, None))
            self.assertIn(b"413", answer.body)
            if ends:
                asker.body(number, b"x" * 20, ended=True)
            else:
                world.pass_time(40)
                asker.send()
            self.assertEqual(answer.reset, None if ends else ErrorCodes.NO_ERROR)
            self.assertEqual((asker.ask().status, len(world.servers)), (0, 1))

    def test_an_early_answer(self) -> None:
        """One that comes before the whole body keeps its last frame back until that has come, for which it is read."""
        for body, early in ((b"x" * 9000, 8192), (b"ab", 0), (b"", 0)):
            world = proxying(server="client_max_body_size 0; send_timeout 1s;", high=1000)
            asker = Asker(world)
            number = asker.begin(b"/", (b"content-length", b"200000"), method=b"PUT", ended=False)
            asker.body(number, b"x" * 16384)
            asker.body(number, b"x" * 16384)
            world.servers[0].say(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%b" % (len(body), body))
            asker.send()
            self.assertEqual((len(asker.answer(number).body), asker.answer(number).ended), (early, False))
            world.pass_time(3)
            for left in range(200000 - 32768, 0, -16384):
                asker.body(number, b"x" * min(left, 16384), ended=left <= 16384)
            answer = asker.answer(number)
            self.assertEqual(
                (answer.status, answer.body, answer.ended, answer.reset), (200, body, True, None)
            )
            self.assertEqual((unrest(world), asker.wire.protocol.waits()), ([], True))

    def test_too_large_and_not_lingering(self) -> None:
        """``lingering_close off`` tells the client at once that the rest is not wanted."""
        world = proxying(server="client_max_body_size 10; lingering_close off;")
        asker = Asker(world)
        number = asker.begin(b"/", (b"content-length", b"20"), method=b"POST", ended=False)
        answer = asker.answer(number)
        self.assertEqual((answer.status, answer.ended, answer.reset), (413, True, ErrorCodes.NO_ERROR))

    def test_one_that_stops(self) -> None:
        """``client_body_timeout``: 408, then the end of the stream alone."""
        world = proxying(server="client_body_timeout 5s; lingering_close off;")
        asker = Asker(world)
        number = asker.begin(b"/", (b"content-length", b"20"), method=b"POST", ended=False)
        asker.body(number, b"x")
        world.pass_time(10)
        asker.send()
        self.assertEqual((asker.answer(number).status, asker.answer(number).ended), (408, True))
        self.assertFalse(asker.wire.closed)
        self.assertEqual(unrest(world), [])


class Pace(SynchronousTestCase):
    """Back-pressure towards the client."""

    def test_a_closed_window(self) -> None:
        """With the client's window full the server is not read any further; both go on as it opens."""
        world = proxying(location="proxy_read_timeout 1h;")
        asker = Asker(world, eager=False)
        number = asker.begin()
        (server,) = world.servers
        server.say(b"HTTP/1.1 200 OK\r\nContent-Length: 400000\r\n\r\n")
        for _ in range(40):
            server.say(b"x" * 10000)
            asker.send()
        answer = asker.answer(number)
        self.assertEqual(len(answer.body), 65535)
        self.assertFalse(server.reading)
        self.assertLess(len(answer.body) + HIGH, 200000)
        while not answer.ended:
            before = len(answer.body)
            asker.h2.increment_flow_control_window(50000)
            asker.h2.increment_flow_control_window(50000, number)
            asker.send()
            self.assertGreater(len(answer.body), before)
        self.assertEqual(answer.body, b"x" * 400000)
        self.assertEqual(unrest(world), [])

    def test_a_client_that_takes_nothing(self) -> None:
        """``send_timeout`` ends the stream, whole answers that wait among them, and leaves the connection."""
        world = World(
            f'server {{ listen 80; http2 on; send_timeout 5s; location / {{ return 200 "{"x" * 500}"; }}'
            " location /e { return 204; } }"
        )
        asker = Asker(world, settings={SettingCodes.INITIAL_WINDOW_SIZE: 100})
        number = asker.begin()
        self.assertEqual(asker.answer(number).body, b"x" * 500)
        slow = Asker(world, settings={SettingCodes.INITIAL_WINDOW_SIZE: 100}, eager=False)
        number = slow.begin()
        self.assertEqual(slow.answer(number).body, b"x" * 100)
        world.pass_time(12)
        slow.send()
        self.assertEqual(slow.answer(number).reset, ErrorCodes.INTERNAL_ERROR)
        self.assertEqual(slow.ask(b"/e").status, 204)

    def test_a_full_socket(self) -> None:
        """A connection whose transport takes no more gets no more, from no stream, and is not read from."""
        world = proxying()
        asker = Asker(world, high=5000, settings={SettingCodes.INITIAL_WINDOW_SIZE: 1 << 20}, eager=False)
        asker.h2.increment_flow_control_window(1 << 20)
        number = asker.begin()
        (server,) = world.servers
        server.say(b"HTTP/1.1 200 OK\r\nContent-Length: 300000\r\n\r\n" + b"x" * 100000)
        self.assertFalse(asker.wire.reading)
        waiting = len(asker.wire.got)
        server.say(b"x" * 50000)
        self.assertEqual(len(asker.wire.got), waiting)
        self.assertFalse(server.reading)
        server.say(b"x" * 150000)
        asker.send()
        self.assertEqual(asker.answer(number).body, b"x" * 300000)

    def test_frames_are_of_the_size_that_was_said(self) -> None:
        """``http2_chunk_size``, and never more than the client takes."""
        for size, expected in (("300", [300, 300, 300, 100]), ("1m", [1000])):
            world = World(
                f"server {{ listen 80; http2 on; http2_chunk_size {size};"
                f' location / {{ return 200 "{"x" * 1000}"; }} }}'
            )
            asker = Asker(world)
            asker.begin()
            pieces = [event.data or b"" for event in asker.events if isinstance(event, DataReceived)]
            self.assertEqual([len(piece) for piece in pieces], expected)
        world = proxying(location="http2_chunk_size 1m;")
        asker = Asker(world)
        asker.begin()
        world.servers[0].say(b"HTTP/1.1 200 OK\r\nContent-Length: 20000\r\n\r\n" + b"x" * 20000)
        asker.send()
        pieces = [event.data or b"" for event in asker.events if isinstance(event, DataReceived)]
        self.assertEqual([len(piece) for piece in pieces], [16384, 3616])

    def test_a_limited_rate(self) -> None:
        """``limit_rate`` cuts answers anywhere, heads among them."""
        world = proxying(location="limit_rate 50;")
        asker = Asker(world)
        number = asker.begin()
        world.servers[0].say(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n" + b"x" * 100)
        asker.send()
        self.assertFalse(asker.answer(number).ended)
        for _ in range(100):
            world.clock.advance(0.1)
        asker.send()
        answer = asker.answer(number)
        self.assertEqual((answer.status, answer.body, answer.ended), (200, b"x" * 100, True))


class Ends(SynchronousTestCase):
    """A request that is taken back."""

    def test_by_the_client(self) -> None:
        """RST_STREAM: the server is let go of, and it is logged as 499."""
        world = proxying(server="access_log off;")
        logged: list[int] = []
        world.plane.log = lambda exchange: logged.append(exchange.status)
        world.listeners[0].routes.default.level.find(  # type: ignore[union-attr]
            world.listeners[0].buildProtocol(None)._face.exchange
        ).logged = True
        asker = Asker(world)
        number = asker.begin()
        asker.h2.reset_stream(number, ErrorCodes.CANCEL)
        asker.send()
        self.assertTrue(world.servers[0].closed or world.servers[0].closing or world.servers[0].aborted)
        self.assertEqual((logged, unrest(world)), ([499], []))

    def test_with_a_body_that_waits(self) -> None:
        """What was held of its body is given back to the connection's window."""
        world = proxying(server="client_max_body_size 0;", accept=False)
        asker = Asker(world)
        number = asker.begin(method=b"POST", ended=False)
        while size := min(16384, asker.h2.local_flow_control_window(number)):
            asker.body(number, b"x" * size)
        asker.h2.reset_stream(number, ErrorCodes.CANCEL)
        asker.send()
        self.assertTrue(world.dialled[0].stopped)
        window = asker.wire.protocol.wire._h2._inbound_flow_control_window_manager
        self.assertEqual(window.max_window_size - window.current_window_size, window._bytes_processed)
