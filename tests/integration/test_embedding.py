"""The programs of ``docs/python-api.rst``, as they stand there: the application run by twistd, the client by Python."""

from __future__ import annotations

import re
import sys
import textwrap
from collections.abc import Callable

import pytest_twisted

from dyups.client import Client
from dyups.errors import ChangeError
from tests.integration.running import CHECKOUT, TWISTD, Site, curl, free_ports, run
from tests.integration.talking import Workers
from tests.integration.wires import Wire, Wires

PAGE = CHECKOUT / "docs" / "python-api.rst"


def documented(front: int, back: int) -> str:
    """The application that the page shows, on other ports."""
    (block,) = re.findall(r"(?s)^\.\. code-block:: python\n\n(.*?)^\S", PAGE.read_text(), re.MULTILINE)
    text = textwrap.dedent(block)
    assert "8000" in text and "8088" in text
    return text.replace("8000", str(front)).replace("8088", str(back))


def answering(text: str) -> object:
    """A server that says the same to everybody."""

    def serve(wire: Wire) -> None:
        wire.send(
            f"HTTP/1.1 200 OK\r\nContent-Length: {len(text)}\r\nConnection: close\r\n\r\n{text}".encode()
        )

    return serve


@pytest_twisted.ensureDeferred
async def test_application(site: Site, wires: Wires) -> None:
    """It forwards to the upstream; its interface changes where to; the upstream's own rules hold there, too."""
    (front,) = free_ports(1)
    first, second = wires.serve(answering("first")), wires.serve(answering("second"))
    path = site.write(documented(front, first.number), "shop.tac")
    proxy = site.proxy(command=(str(TWISTD), "-n", "--pidfile=", "-y", str(path)))
    await proxy.listening(front)
    assert await curl(f"http://127.0.0.1:{front}/shop/") == b"first"
    client = Client(f"http://127.0.0.1:{front}/upstreams")
    await client.patch(
        "shop", f"add server 127.0.0.1:{second.number}; set server 127.0.0.1:{first.number} down;"
    )
    assert await curl(f"http://127.0.0.1:{front}/shop/") == b"second"
    try:
        await client.set("shop", "bogus;")
    except ChangeError as error:
        assert error.status == 400
    else:
        raise AssertionError("a bad command was taken")
    await client.close()
    assert await proxy.stop() in (0, -15)


@pytest_twisted.ensureDeferred
async def test_client(workers: Callable[..., Workers]) -> None:
    """The client's example adds a server to an upstream."""
    site = await workers("worker_processes 2;").start()
    (text,) = re.findall(
        r"(?s)^    from twisted.internet.task import react\n.*?react\(main\)", PAGE.read_text(), re.MULTILINE
    )
    path = site.site.write(textwrap.dedent(text).replace("8081", str(site.admin)), "example.py")
    await site.post("shop", "server 10.0.0.1:80;")
    done = await run(sys.executable, path)
    assert (done.returncode, done.stdout, done.stderr) == (0, b"", b"")
    shown = await site.ask(site.admin, "/upstream/shop")
    assert shown.body == "server 10.0.0.1:80\nserver 10.0.0.3:80\n"
