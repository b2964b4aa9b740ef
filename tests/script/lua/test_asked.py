"""Tests of dyups.script.lua.asked: the request as scripts see it."""

from __future__ import annotations

from tests.script.lua.world import LuaCase

POST = (
    b"POST /p%20q?a=1&b&a=2 HTTP/1.1\r\nHost: X.example:8\r\nX-One: 1\r\nX-Two: 1\r\nx-two: 2\r\n"
    b"Content-Length: 7\r\n\r\nc=3&d=4"
)


class RequestTests(LuaCase):
    """``ngx.req`` and ``ngx.var``."""

    def told(self, script: str, http: str = "", request: bytes = POST) -> str:
        """What a script says of a request."""
        return self.run_lua(script, http, request).partition(b"\r\n\r\n")[2].decode()

    def test_head(self) -> None:
        """Method, version, fields under any spelling of their names."""
        self.assertEqual(self.told("ngx.print(ngx.req.get_method(), ngx.req.http_version())"), "POST1.1")
        self.assertEqual(
            self.told(
                """local h = ngx.req.get_headers()
                   ngx.print(h["X-One"], h.x_one, h["x-one"], #h.x_two, h.host, h.none)"""
            ),
            "1112X.example:8nil",
        )
        self.assertEqual(self.told('ngx.print(ngx.req.get_headers(0, true)["X-One"])'), "1")
        self.assertIn(
            "POST /p%20q?a=1&b&a=2 HTTP/1.1\r\nHost: X.example:8\r\n",
            self.told("ngx.print(ngx.req.raw_header())"),
        )
        self.assertEqual(
            self.told("ngx.print(ngx.req.is_internal(), ngx.req.start_time() <= ngx.now())"), "falsetrue"
        )

    def test_arguments(self) -> None:
        """Of the URI and of the body."""
        self.assertEqual(
            self.told("local a = ngx.req.get_uri_args() ngx.print(a.a[1], a.a[2], a.b, a.c)"), "12truenil"
        )
        self.assertEqual(
            self.told("ngx.req.read_body() local a = ngx.req.get_post_args() ngx.print(a.c, a.d)"), "34"
        )
        self.run_lua("ngx.req.get_post_args()", request=POST)
        self.assertIn("no request body found; maybe you should turn on lua_need_request_body?", self.log)

    def test_body(self) -> None:
        """The body is nil until it was read, and where there is none."""
        self.assertEqual(
            self.told(
                "ngx.print(ngx.req.get_body_data()) ngx.req.read_body() ngx.print(ngx.req.get_body_data())"
            ),
            "nilc=3&d=4",
        )
        self.assertEqual(
            self.told(
                "ngx.req.read_body() ngx.print(ngx.req.get_body_data())",
                request=b"GET / HTTP/1.1\r\nHost: x\r\n\r\n",
            ),
            "nil",
        )

    def test_changes(self) -> None:
        """Method, path, arguments and fields, for what comes after the script."""
        http = """upstream u { server 127.0.0.1:1; } server { location / { proxy_pass http://u; rewrite_by_lua_block {
            ngx.req.set_method(ngx.HTTP_PUT) ngx.req.set_uri("/n w") ngx.req.set_uri_args({x = "a b"})
            ngx.req.set_header("X-L", {"1", "2"}) ngx.req.clear_header("x-one") } } }"""
        world = self.world(http)
        world.client().say(POST)
        got = world.servers[0].got
        self.assertTrue(got.startswith(b"PUT /n%20w?x=a%20b HTTP/1.1\r\n"), got)
        self.assertIn(b"X-L: 1\r\nX-L: 2\r\n", got)
        self.assertNotIn(b"X-One", got)
        self.assertTrue(got.endswith(b"\r\n\r\nc=3&d=4"))

    def test_variables(self) -> None:
        """Built-in ones, those of set, captures; nil for what is not there."""
        script = """ngx.print(ngx.var.uri, ngx.var.arg_a, ngx.var.http_x_one, ngx.var.remote_addr, ngx.var.mine)
            ngx.var.mine = "new" ngx.print(ngx.var.mine, ngx.var.http_none, ngx.var.nothing, ngx.var.host)
            ngx.var.args = "z=1" ngx.print(ngx.var.args, ngx.var[1], ngx.var[2])"""
        world = self.world(
            f"server {{ location ~ ^/(.) {{ set $mine old; content_by_lua_block {{ {script} }} }} }}"
        )
        said = world.ask(POST).partition(b"\r\n\r\n")[2]
        self.assertEqual(said, b"/p q11192.0.2.7oldnewnilnilx.examplez=1pnil")

    def test_unwritable_variables(self) -> None:
        """What cannot be written says why."""
        self.assertIn(
            "not changeable", self.told('ngx.print(select(2, pcall(function() ngx.var.uri = "x" end)))')
        )
        self.assertIn(
            "not found for writing", self.told('ngx.print(select(2, pcall(function() ngx.var.no = "x" end)))')
        )

    def test_no_request(self) -> None:
        """Where there is no request there is none to ask."""
        self.world("init_worker_by_lua_block { ngx.say(1) }")
        self.assertIn("init_worker_by_lua error: init_worker_by_lua(:3):1: no request found", self.log)

    def test_log(self) -> None:
        """ngx.log and print: level, place, request."""
        self.run_lua('ngx.log(ngx.WARN, "a", 1, nil, true, ngx.null) print("p")')
        self.assertIn("[warn]", self.log)
        self.assertIn("*1 [lua] content_by_lua(:3):1: a1niltruenull, client: 192.0.2.7", self.log)
        self.assertIn("[notice]", self.log)
        self.run_lua('ngx.log(99, "a")')
        self.assertIn("bad log level", self.log)
