"""Tests of dyups.script.lua.serving: scripts as contents and phases."""

from __future__ import annotations

from tests.script.lua.world import LuaCase

SEED = """
    local dyups = require "ngx.dyups"

    local status, rv = dyups.update("test", [[server 127.0.0.1:8088;]]);
    ngx.print(status, rv)
    if status ~= 200 then
        ngx.print(status, rv)
        return
    end
    ngx.print("update success")

    status, rv = dyups.delete("test")
    if status ~= 200 then
        ngx.print(status, rv)
        return
    end
    ngx.print("delete success")
"""
GET = b"GET / HTTP/1.1\r\nHost: x\r\n\r\n"


class ContentTests(LuaCase):
    """``content_by_lua``."""

    def test_seed_example(self) -> None:
        """The seed's example answers what its calls of ngx.print say."""
        self.assertEqual(self.said(SEED), "200successupdate successdelete success")

    def test_disabled(self) -> None:
        """Without dyups_interface and dyups_api a change is 405."""
        self.assertEqual(self.said(SEED, enabled=False), "405API disabled405API disabled")

    def test_waiting_change(self) -> None:
        """A change that waits for another one suspends the script; others are served meanwhile."""
        world = self.world(
            f"server {{ location /seed {{ content_by_lua_block {{ {SEED} }} }} location / {{ echo here; }} }}"
        )
        held = self.successResultOf(world.lock.acquire())
        wire = world.client()
        wire.say(b"GET /seed HTTP/1.1\r\nHost: x\r\n\r\n")
        self.assertEqual(wire.got, b"")
        self.assertIn(b"here", world.ask(GET))
        world.lock.release(*([held] if held is not None else []))
        self.assertIn(b"delete success", wire.got)

    def test_whole_answer(self) -> None:
        """Status, fields and body go out in one write, with the length."""
        got = self.run_lua(
            'ngx.status = 201 ngx.header["X-A"] = {"1", "2"} ngx.header.content_type = "a/b" ngx.say("hi")'
        )
        self.assertIn(b"HTTP/1.1 201 Created\r\n", got)
        self.assertIn(b"Content-Type: a/b\r\nContent-Length: 3\r\nX-A: 1\r\nX-A: 2\r\n", got)
        self.assertTrue(got.endswith(b"\r\n\r\nhi\n"))

    def test_nothing_said(self) -> None:
        """A script that says nothing answers 200 with nothing."""
        got = self.run_lua("local x = 1")
        self.assertTrue(got.startswith(b"HTTP/1.1 200 OK\r\n"))
        self.assertIn(b"Content-Length: 0\r\n", got)

    def test_sleep_and_flush(self) -> None:
        """What was flushed goes out in chunks before the script has ended, and other requests do not wait for it."""
        world = self.world(
            'server { location / { content_by_lua_block { ngx.say("a") ngx.flush(true) ngx.sleep(5) ngx.say("b") } } }'
        )
        first, second = world.client(), world.client()
        first.say(GET)
        self.assertTrue(first.got.endswith(b"\r\n\r\n2\r\na\n\r\n"), first.got)
        second.say(GET)
        world.clock.advance(5)
        self.assertTrue(first.got.endswith(b"2\r\na\n\r\n2\r\nb\n\r\n0\r\n\r\n"))
        self.assertTrue(second.got.endswith(b"0\r\n\r\n"))

    def test_backpressure(self) -> None:
        """A script that writes much waits for a client that does not read."""
        world = self.world(
            """server { location / { content_by_lua_block {
                 for i = 1, 100 do ngx.print(string.rep("x", 65536)) end ngx.log(ngx.ERR, "written") } } }"""
        )
        wire = world.client()
        wire.say(GET)
        self.assertNotIn("written", self.log)
        size = 0
        while wire.got:
            size += len(wire.read())
        self.assertIn("written", self.log)
        self.assertGreater(size, 6_553_600)

    def test_client_leaves(self) -> None:
        """A script that waits for nobody any more is ended."""
        world = self.world(
            'server { location / { content_by_lua_block { ngx.sleep(1) ngx.log(ngx.ERR, "on") } } }'
        )
        wire = world.client()
        wire.say(GET)
        wire.hang_up()
        world.clock.advance(2)
        self.assertNotIn("[lua]", self.log)
        self.assertEqual([call for call in world.clock.getDelayedCalls() if "go_on" in str(call)], [])

    def test_body(self) -> None:
        """ngx.req.read_body waits for a body that comes late, whatever its size."""
        world = self.world(
            """server { client_max_body_size 1m; location / { content_by_lua_block {
                 ngx.req.read_body() ngx.print(#ngx.req.get_body_data()) } } }"""
        )
        wire = world.client()
        wire.say(b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 200000\r\n\r\n")
        for _ in range(4):
            self.assertEqual(wire.got, b"")
            wire.say(b"x" * 50000)
        self.assertTrue(wire.got.endswith(b"\r\n\r\n200000"))

    def test_unread_body_is_held_back(self) -> None:
        """While the script does not want the body, the client is not let send all of it."""
        world = self.world("server { location / { content_by_lua_block { ngx.sleep(1) } } }")
        wire = world.client()
        wire.say(b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 1000000\r\n\r\n")
        for _ in range(4):
            wire.say(b"x" * 50000)
        self.assertFalse(wire.reading)
        world.clock.advance(1)
        self.assertIn(b"200 OK", wire.got)


class EndTests(LuaCase):
    """How scripts end."""

    def test_exit(self) -> None:
        """ngx.exit with an error is its page; 444 closes the connection."""
        self.assertIn(b"<h1>410 Gone</h1>", self.run_lua("ngx.exit(410) ngx.say('no')"))
        self.assertEqual(self.run_lua("ngx.exit(444)"), b"")
        self.assertTrue(self.run_lua("ngx.exit(204)").startswith(b"HTTP/1.1 204 No Content\r\n"))

    def test_exit_with_a_body(self) -> None:
        """What was said is the answer, whatever ngx.exit says then."""
        got = self.run_lua("ngx.status = 410 ngx.say('gone') ngx.exit(200)")
        self.assertTrue(got.startswith(b"HTTP/1.1 410 Gone\r\n"))
        self.assertTrue(got.endswith(b"\r\n\r\ngone\n"))

    def test_redirect(self) -> None:
        """ngx.redirect, with the fields that were set."""
        got = self.run_lua("ngx.header.set_cookie = 'a=1' ngx.redirect('/x?y=1', 301)")
        self.assertTrue(got.startswith(b"HTTP/1.1 301 Moved Permanently\r\n"))
        self.assertIn(b"Location: http://x", got)
        self.assertIn(b"set-cookie: a=1\r\n", got)

    def test_exec(self) -> None:
        """ngx.exec serves the request by another location, or by a named one."""
        world = self.world(
            """server { location /a { content_by_lua_block { ngx.exec("/b?x=1") } }
                 location /n { content_by_lua_block { ngx.exec("@n") } } location @n { echo named; }
                 location /b { echo "$uri $args"; } }"""
        )
        self.assertTrue(world.ask(b"GET /a HTTP/1.1\r\nHost: x\r\n\r\n").endswith(b"/b x=1\n"))
        self.assertTrue(world.ask(b"GET /n HTTP/1.1\r\nHost: x\r\n\r\n").endswith(b"named\n"))

    def test_exec_after_the_head(self) -> None:
        """A request is not answered twice: after the first bytes ngx.exec breaks the answer off."""
        got = self.run_lua("ngx.say('a') ngx.flush(true) ngx.exec('/b')")
        self.assertEqual(got.count(b"HTTP/1.1"), 1)
        self.assertIn("attempt to call ngx.exec after sending out the headers", self.log)

    def test_exec_unsafe(self) -> None:
        """Nothing that a client had a say in leads out of the folder of a location."""
        for uri in ("/f/../../x", "/f/%2e%2e/x", "x", ""):
            self.assertIn(b" 500 ", self.run_lua(f"ngx.exec('{uri}')"))
            self.assertIn(f'unsafe URI in ngx.exec: "{uri}"', self.log)

    def test_no_numbers(self) -> None:
        """What is no finite number is an error of the script, not of ours."""
        for call in ("sleep(%s)", "exit(%s)", "timer.at(%s, function() end)"):
            for value in ("0/0", "1/0", "-1/0"):
                self.assertIn(b" 500 ", self.run_lua("ngx." + call % value))
                self.assertIn("(finite number expected)", self.log)

    def test_error(self) -> None:
        """A script that errs is 500, with file, line and the frames in the error log; the next request is served."""
        world = self.world(
            """server { location /err { content_by_lua_block {
                 local function f(t) return t.x end
                 f(nil) } } location / { echo fine; } }"""
        )
        self.assertIn(b" 500 ", world.ask(b"GET /err HTTP/1.1\r\nHost: x\r\n\r\n"))
        self.assertIn(
            "lua entry thread aborted: runtime error: content_by_lua(:3):2: attempt to index", self.log
        )
        self.assertIn('request: "GET /err HTTP/1.1"', self.log)
        self.assertIn(
            "\n\tstack traceback:\n\tcoroutine 0:\n\t    content_by_lua(:3):2: in function 'f'\n", self.log
        )
        self.assertIn(b"fine", world.ask(GET))

    def test_error_after_the_head(self) -> None:
        """An answer that cannot be completed is cut."""
        world = self.world(
            "server { location / { content_by_lua_block { ngx.say(1) ngx.flush() error('x') } } }"
        )
        wire = world.client()
        wire.say(GET)
        self.assertTrue(wire.got.endswith(b"2\r\n1\n\r\n"))
        self.assertTrue(wire.closed)

    def test_eof(self) -> None:
        """After ngx.eof the client has its answer; the script goes on without a request."""
        world = self.world(
            """server { location / { content_by_lua_block {
                 ngx.say("a") ngx.eof() ngx.sleep(1) ngx.log(ngx.ERR, tostring(pcall(ngx.say, "b"))) } } }"""
        )
        wire = world.client()
        wire.say(GET)
        self.assertTrue(wire.got.endswith(b"\r\n\r\na\n"))
        wire.say(GET)
        self.assertEqual(wire.got.count(b"a\n"), 2)
        world.clock.advance(1)
        self.assertEqual(self.log.count("false"), 2)

    def test_error_after_eof(self) -> None:
        """It is nobody's: not that of the next request of the connection, which goes on, nor of a client that left."""
        world = self.world(
            """upstream b { server 127.0.0.1:1; }
               server { location /b { proxy_pass http://b; }
                        location / { content_by_lua_block {
                          ngx.say("a") ngx.eof() ngx.sleep(1) error("late one") } } }"""
        )
        stays, leaves = world.client(), world.client()
        for wire in (stays, leaves):
            wire.say(GET)
        leaves.hang_up()
        stays.read()
        stays.say(b"GET /b HTTP/1.1\r\nHost: x\r\n\r\n")
        world.clock.advance(1)
        self.assertEqual(self.log.count("late one"), 2)
        self.assertEqual(self.log.count("context: ngx.eof"), 2)
        world.servers[0].say(b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\nx")
        self.assertTrue(stays.read().endswith(b"\r\n\r\nx"))

    def test_ends_after_eof(self) -> None:
        """A script that exits, or redirects, once its client has gone, just ends."""
        for last in ("ngx.exit(500)", "ngx.redirect('/x')", "ngx.exec('/x')", "ngx.flush(true)", "ngx.eof()"):
            script = f"ngx.say(1) ngx.eof() ngx.sleep(1) {last}"
            world = self.world(f"server {{ location / {{ content_by_lua_block {{ {script} }} }} }}")
            wire = world.client()
            wire.say(GET)
            wire.hang_up()
            world.clock.advance(1)
            self.assertEqual(world.clock.getDelayedCalls()[1:], [])


class PhaseTests(LuaCase):
    """``rewrite_by_lua``, ``access_by_lua`` and ``log_by_lua``."""

    def test_routing(self) -> None:
        """A rewrite script that chooses an upstream by a variable, and changes the request's head."""
        world = self.world(
            """upstream host1 { server 127.0.0.1:1; }
               server { location / { set $target ""; proxy_pass http://$target;
                 rewrite_by_lua_block { ngx.var.target = "host1" ngx.req.set_header("X-Y", "z")
                   ngx.req.set_header("Host", "h") ngx.req.clear_header("X-Gone") } } }"""
        )
        world.client().say(b"GET /p HTTP/1.1\r\nHost: x\r\nX-Gone: 1\r\n\r\n")
        (server,) = world.servers
        self.assertTrue(server.got.startswith(b"GET /p HTTP/1.1\r\nHost: host1\r\n"))
        self.assertIn(b"X-Y: z\r\n", server.got)
        self.assertNotIn(b"X-Gone", server.got)

    def test_next_request_has_its_own_head(self) -> None:
        """What a script changes of a head is not seen by the next request with the same bytes."""
        world = self.world(
            """server { location / { rewrite_by_lua_block { if not ngx.var.http_x_seen then
                 ngx.req.set_header("X-Seen", "no") else ngx.req.set_header("X-Seen", "yes") end }
                 echo $http_x_seen; } }"""
        )
        wire = world.client()
        for _ in range(2):
            wire.say(GET)
            self.assertTrue(wire.read().endswith(b"\r\n\r\nno\n"))

    def test_jump(self) -> None:
        """ngx.req.set_uri with a jump finds the location again, now or later."""
        for wait in ("", "ngx.sleep(1)"):
            world = self.world(
                f"""server {{ location /a {{ rewrite_by_lua_block {{ {wait} ngx.req.set_uri("/b", true) }} echo a; }}
                      location /b {{ echo b; }} }}"""
            )
            wire = world.client()
            wire.say(b"GET /a HTTP/1.1\r\nHost: x\r\n\r\n")
            world.clock.advance(1)
            self.assertTrue(wire.got.endswith(b"\r\n\r\nb\n"))

    def test_access(self) -> None:
        """An access script lets a request pass or refuses it, with fields of its own, after a wait too."""
        for wait in ("", "ngx.sleep(1)"):
            world = self.world(
                f"""server {{ location / {{ echo in; access_by_lua_block {{ {wait}
                      if ngx.var.arg_no then ngx.header["X-Why"] = "no" ngx.exit(403) end }} }} }}"""
            )
            good, bad = world.client(), world.client()
            good.say(GET)
            bad.say(b"GET /?no=1 HTTP/1.1\r\nHost: x\r\n\r\n")
            world.clock.advance(1)
            self.assertTrue(good.got.endswith(b"\r\n\r\nin\n"))
            self.assertTrue(bad.got.startswith(b"HTTP/1.1 403 Forbidden\r\n"))
            self.assertIn(b"X-Why: no\r\n", bad.got)

    def test_body_in_a_phase(self) -> None:
        """An access script may read the body; the server gets it all the same."""
        world = self.world(
            """upstream u { server 127.0.0.1:1; } server { location / { proxy_pass http://u;
                 access_by_lua_block { ngx.req.read_body()
                   ngx.req.set_header("X-Size", #ngx.req.get_body_data()) } } }"""
        )
        wire = world.client()
        wire.say(b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 100000\r\n\r\n" + b"x" * 60000)
        self.assertEqual(world.servers, [])
        wire.say(b"y" * 40000)
        self.assertIn(b"X-Size: 100000\r\n", world.servers[0].got)
        self.assertTrue(world.servers[0].got.endswith(b"y" * 40000))

    def test_error_in_a_phase(self) -> None:
        """500, and nothing of the content."""
        world = self.world("server { location / { echo in; access_by_lua_block { error('no') } } }")
        got = world.ask(GET)
        self.assertIn(b" 500 ", got)
        self.assertIn("access_by_lua(:3):1: no", self.log)

    def test_log(self) -> None:
        """A log script runs when the request is over, and shares ngx.ctx with the scripts before."""
        world = self.world(
            """server { location / { access_by_lua_block { ngx.ctx.who = "me" } echo in;
                 log_by_lua_block { ngx.log(ngx.ERR, ngx.status, ngx.ctx.who) } } }"""
        )
        world.ask(GET)
        self.assertIn("200me", self.log)
        self.assertEqual(world.scripts._lua._requests, {})
