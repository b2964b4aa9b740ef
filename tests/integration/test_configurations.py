"""Whole configurations as people write them, each in ``configurations/NAME/``, with two workers.

What stands behind the proxy is more ``server`` blocks, put into ``conf.d`` as a person would put another site there.
"""

from __future__ import annotations

from pathlib import Path

import pytest_twisted

from tests.integration.running import SAME_USER, Site, free_ports
from tests.integration.talking import Reply, Talk, talk

FOLDER = Path(__file__).parent / "configurations"
BEHIND_BLOG = """
server {{
    listen 127.0.0.1:{port};
    location /index.php {{ return 200 "php $request_uri $http_x_cached $http_x_script"; }}
    location /broken.php {{ return 500 "a stack trace"; }}
    location /xmlrpc.php {{ return 200 rpc; }}
}}
"""
#: What is on the blog's disk.
PAGES = {
    "index.php": "<?php",
    "broken.php": "<?php",
    "404.html": "lost",
    "50x.html": "sorry",
    "style.css": "a{}",
    ".htaccess": "secret",
    "wp-content/uploads/cat.png": "png" * 50000,
    "wp-content/uploads/evil.php": "<?php",
    "readme/index.html": "read me",
}
BEHIND_SWITCH = """
server {{ listen 127.0.0.1:{blue}; location / {{ return 200 "blue $pid"; }} }}
server {{ listen 127.0.0.1:{green}; location / {{ return 200 "green $pid"; }} }}
"""


def prepare(site: Site, name: str, ports: dict[int, int]) -> None:
    """The files of a configuration, on other ports."""
    for path in (FOLDER / name).iterdir():
        text = path.read_text()
        for old, new in ports.items():
            text = text.replace(str(old), str(new))
        site.write(text, f"conf/{path.name}")


def field(reply: Reply, name: str) -> str:
    """One field of an answer, empty where it is not there."""
    return reply.fields.get(name, "")


@pytest_twisted.ensureDeferred
async def test_blog(site: Site) -> None:
    """A blog: files with their types and lifetimes, everything else from PHP, error pages, what nobody may see."""
    front, php = free_ports(2)
    prepare(site, "wordpress", {8080: front, 8090: php})
    site.write(BEHIND_BLOG.format(port=php), "conf/conf.d/behind.conf")
    for name, text in PAGES.items():
        site.write(text, f"htdocs/{name}")
    await site.proxy(*SAME_USER).listening(front, php)
    client = await talk(front)
    script = str(site.root / "htdocs" / "index.php")

    async def ask(target: str, method: str = "GET", fields: str = "", host: str = "blog.example") -> Reply:
        return await client.ask(f"{target} HTTP/1.1\r\n{fields}X-Rest:", host, method)

    for target, expected in {
        "/": f"php / yes {script}",
        "/2026/11/a-post/?page=2": f"php /index.php?page=2 yes {script}",
        "/feed/": f"php /index.php?feed=rss2 yes {script}",
    }.items():
        reply = await ask(target)
        shown = reply.body.replace("/index.php ", "/ ") if target == "/" else reply.body
        assert (reply.status, shown) == (200, expected), target
        assert field(reply, "x-content-type-options") == "nosniff"
    reply = await ask("/post", fields="Cookie: wordpress_logged_in_1=x\r\n")
    assert " no " in reply.body
    reply = await ask("/style.css")
    assert (reply.body, field(reply, "content-type")) == ("a{}", "text/css")
    assert field(reply, "cache-control") == "max-age=604800"
    reply = await ask("/wp-content/uploads/cat.png")
    assert (reply.body, field(reply, "etag")) == ("png" * 50000, "")
    assert field(reply, "cache-control") == "max-age=315360000"
    reply = await ask("/wp-content/uploads/cat.png", fields="Range: bytes=3-5\r\n")
    assert (reply.status, reply.body) == (206, "png")
    reply = await ask("/readme")
    assert (reply.status, field(reply, "location")) == (301, f"http://blog.example:{front}/readme/")
    assert (await ask("/readme/")).body == "read me"
    for target, method, status, body in (
        ("/.htaccess", "GET", 404, "lost"),
        ("/none.php", "GET", 404, "lost"),
        ("/broken.php", "GET", 500, "sorry"),
    ):
        reply = await ask(target, method)
        assert (reply.status, reply.body) == (status, body), target
        if reply.closing:
            client = await talk(front)
    for target, method, status in (
        ("/wp-content/uploads/evil.php", "GET", 403),
        ("/style.css", "DELETE", 405),
        ("/xmlrpc.php", "GET", 403),
        ("/xmlrpc.php", "POST", 200),
        ("/50x.html", "GET", 404),
        ("/favicon.ico", "GET", 404),
    ):
        assert (await ask(target, method)).status == status, (target, method)
    reply = await ask("/a?b", host="www.blog.example")
    assert (reply.status, field(reply, "location")) == (301, f"http://blog.example:{front}/a?b")
    client.transport.abortConnection()


@pytest_twisted.ensureDeferred
async def test_switch(site: Site) -> None:
    """Blue is live, then green, then blue again: all workers switch at once, kept connections stay, nothing fails."""
    front, admin, blue, green = free_ports(4)
    prepare(site, "blue_green", {8080: front, 8081: admin, 8091: blue, 8092: green})
    site.write(BEHIND_SWITCH.format(blue=blue, green=green), "conf/conf.d/behind.conf")
    (site.root / "state").mkdir()
    proxy = await site.proxy(*SAME_USER).listening(front, admin, blue, green)
    clients: list[Talk] = [await talk(front) for _ in range(12)]

    async def versions(more: str = "") -> set[str]:
        """Which versions the kept connections get."""
        replies = [await client.ask(f"/ HTTP/1.1\r\n{more}X-Rest:") for client in clients]
        assert {reply.status for reply in replies} == {200}
        return {reply.body.split()[0] for reply in replies}

    async def switch(port: int) -> None:
        interface = await talk(admin)
        reply = await interface.ask("/upstream/live", method="POST", body=f"server 127.0.0.1:{port};")
        interface.transport.abortConnection()
        assert (reply.status, reply.body) == (200, "success")

    assert await versions() == {"blue"}
    for port, version in ((green, "green"), (blue, "blue"), (green, "green")):
        await switch(port)
        assert await versions() == {version}
    assert await versions("X-Version: blue\r\n") == {"blue"}
    assert await versions("X-Version: red\r\n") == {"green"}
    await switch(free_ports(1)[0])
    reply = await clients[0].ask("/")
    assert (reply.status, reply.body, field(reply, "retry-after")) == (503, "back soon\n", "5")
    await switch(green)
    await proxy.stop()
    for client in clients:
        client.transport.abortConnection()
    await site.proxy(*SAME_USER).listening(front)
    client = await talk(front)
    assert (await client.ask("/")).body.startswith("green ")
    client.transport.abortConnection()
