"""Lua and Python hooks in a proxy that runs: the seed's example, scripts that misbehave, an installed plugin."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Callable
from pathlib import Path

import pytest_twisted
from twisted.internet.defer import Deferred

from tests.integration.running import BOUND, CHECKOUT, Site, curl, free_ports, run, until
from tests.integration.talking import DUMP, Workers

Make = Callable[..., Workers]

#: As it stands in the seed's text, without the fences.
SEED = """
content_by_lua '
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
';
"""
LUA = """
    lua_max_execution_time 1s; lua_max_memory 32m;
    server {{
        listen 127.0.0.1:{port} reuseport;
        location = /pid {{ echo $pid; }}
        location /seed {{ {seed} }}
        location /set {{ content_by_lua_block {{
            ngx.print(require("ngx.dyups").update("by-lua", "server 127.0.0.1:" .. ngx.var.arg_port .. ";"))
        }} }}
        location /route {{
            set $target "";
            rewrite_by_lua_block {{ ngx.var.target = ngx.var.arg_to }}
            proxy_pass http://$target;
        }}
        location /loop {{ content_by_lua_block {{ while true do pcall(function() while true do end end) end }} }}
        location /hog {{ content_by_lua_block {{
            local t = {{}}
            package.loaded.hoard = t
            while true do t[#t + 1] = string.rep("x", 1000) .. #t end
        }} }}
        location /err {{ content_by_lua_block {{
            error("so it is")
        }} }}
        location /sleep {{ content_by_lua_block {{ ngx.sleep(0.3) ngx.print("slept") }} }}
    }}
"""
HOOKS = """
    upstream shop-red {{ server 127.0.0.1:{red}; }}
    upstream shards {{ balancer by_header X-Shard; server 127.0.0.1:{red}; server 127.0.0.1:{blue}; }}
    server {{ listen 127.0.0.1:{red}; location / {{ echo "red $http_x_tenant"; }} }}
    server {{ listen 127.0.0.1:{blue}; location / {{ echo blue; }} }}
    server {{
        listen 127.0.0.1:{front};
        location / {{ python_hook tenant shop-; echo nobody; }}
        location /shards {{ proxy_pass http://shards; }}
        location /if/ {{ dyups_interface; }}
    }}
"""


async def lua_site(workers: Make) -> tuple[Workers, int]:
    """Two workers with the scripts, and their port."""
    (port,) = free_ports(1)
    site = await workers("worker_processes 2;", DUMP + LUA.format(port=port, seed=SEED)).start()
    return site, port


@pytest_twisted.ensureDeferred
async def test_seed_example(workers: Make) -> None:
    """The seed's example, verbatim, on two workers; what a script updates every worker routes by at once."""
    site, port = await lua_site(workers)
    pids = await site.all_accept()
    for _ in range(4):
        reply = await site.ask(port, "/seed")
        assert (reply.status, reply.body) == (200, "200successupdate successdelete success")
    assert (await site.ask(port, f"/set?port={site.b}")).body == "200success"
    for talk in (await site.one_for_each(pids)).values():
        assert (await talk.ask("/", "by-lua")).body == "b\n"
    assert (await site.ask(port, "/route?to=by-lua")).body == "b\n"
    assert "test" not in (await site.ask(site.admin, "/list")).body.split()


@pytest_twisted.ensureDeferred
async def test_misbehaviour(workers: Make) -> None:
    """A script that runs away, one that hoards memory and one that errs: 500 each, and the workers live and serve."""
    site, port = await lua_site(workers)
    pids = await site.all_accept()
    talks = await site.one_for_each(pids)
    slow = [Deferred.fromCoroutine(site.ask(port, "/sleep")) for _ in range(4)]
    for path, words in (
        ("/loop", "the script ran longer than lua_max_execution_time"),
        ("/hog", "not enough memory"),
        ("/err", ":2: so it is"),
    ):
        assert (await site.ask(port, path)).status == 500
        await until(lambda words=words: words in site.site.error_log, words)
    assert "lua entry thread aborted: runtime error: content_by_lua(nginx.conf:" in site.site.error_log
    assert "\tstack traceback:\n" in site.site.error_log
    for waiting in slow:
        assert (await waiting).body == "slept"
    assert (await site.ask(port, "/seed")).body.endswith("delete success")
    for talk in talks.values():
        assert (await talk.ask("/pid")).status == 200
    assert await site.all_accept() == pids


@pytest_twisted.ensureDeferred
async def test_wrong_script(site: Site) -> None:
    """A script that is no Lua is an error of the configuration, with file and line."""
    site.http("server { location / { content_by_lua_block { ngx.say( } } }")
    proxy = site.proxy()
    assert await proxy.ended() == 1
    assert "[emerg] failed to load Lua code: content_by_lua(nginx.conf:5):2:" in proxy.output
    assert f"in {site.root}/conf/nginx.conf:5" in proxy.output


@pytest_twisted.ensureDeferred
async def test_example_plugin(site: Site, tmp_path: Path) -> None:
    """The example of the documentation, installed by pip: its hook and its balancer, in a configuration and a POST."""
    source, target = tmp_path / "source", tmp_path / "installed"
    shutil.copytree(CHECKOUT / "docs" / "examples" / "dyups-example-hook", source)
    options = ("--quiet", "--no-deps", "--no-build-isolation", "--no-index", "--target", str(target))
    done = await run(sys.executable, "-m", "pip", "install", *options, source, bound=3 * BOUND)
    assert done.returncode == 0, done.stderr
    red, blue, front = free_ports(3)
    site.http(HOOKS.format(red=red, blue=blue, front=front), "worker_processes 2;")
    await site.proxy(environment={"PYTHONPATH": str(target)}).listening(front)
    url = f"http://127.0.0.1:{front}"
    answer = await curl("-i", "-H", "X-Tenant: red", url)
    assert answer.endswith(b"\r\n\r\nred \n") and b"X-Served-For: 127.0.0.1\r\n" in answer
    assert await curl(url) == b"which tenant?\n"
    assert await curl("-o", "/dev/null", "-w", "%{http_code}", "-H", "X-Tenant: green", url) == b"502"
    chosen = {await curl("-H", "X-Shard: 1", f"{url}/shards") for _ in range(4)}
    assert len(chosen) == 1
    posted = await curl("-d", f"balancer by_header A; server 127.0.0.1:{red};", f"{url}/if/upstream/posted")
    assert posted == b"success"
    assert b"balancer by_header A" in await curl(f"{url}/if/upstream/posted")
    assert b'unknown balancer "none"' in await curl("-d", "balancer none;", f"{url}/if/upstream/posted")
