"""The same requests in HTTP/2, the same answers as nginx, where nginx is installed.

nginx runs as a process, here a data plane in memory on the same text.  What HTTP/1.1 has in common with it is compared
by ``test_same_answers_as_nginx``; this is about what the protocol changes.
"""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator

import pytest

from tests.integration.http2_client import Client
from tests.integration.running import BOUND, free_ports
from tests.integration.test_same_answers_as_nginx import CONFIGURATION, NGINX, wait_until_listening
from tests.proxy.conversation import World
from tests.proxy.http2.asking import Answer, Asker

pytestmark = pytest.mark.skipif(
    NGINX is None, reason="nginx is not installed: there is nothing to compare with"
)

HTTP = """
server {
    listen 127.0.0.1:PORT http2;
    server_name site.example;
    root WWW;
    client_max_body_size 10;
    large_client_header_buffers 4 32k;
    location = /said {
        add_header X-Said "[$request][$server_protocol][$http2][$host][$http_host][$http_cookie][$cookie_b]" always;
        add_header X-More "[$scheme][$request_method][$args][$http_a][$content_length][$http_content_length]" always;
        return 200 "text";
    }
    location /nothing { return 204; }
    location /moved { return 301 /said; }
    location /teapot { return 418 "x"; }
    location /paged { error_page 404 /a.html; }
    location /denied { deny all; }
}
"""
ORDINARY = {":method": "GET", ":scheme": "http", ":authority": "site.example", ":path": "/said"}
#: Changes of an ordinary request: a field with None is left away, others take its place or follow; a body after ``|``.
CASES = [
    "",
    ":path=/said?a=b&c",
    ":path=/a.html",
    ":path=/a.html :method=HEAD",
    ":path=/a.html range=bytes=2-5",
    ":path=/a.html range=bytes=200-",
    ":path=/a.html if-modified-since=Sun,_09_Sep_2001_01:46:40_GMT",
    ":path=/none",
    ":path=/none :method=HEAD",
    ":path=/nothing",
    ":path=/moved",
    ":path=/teapot",
    ":path=/paged",
    ":path=/denied",
    ":path=/%61.html",
    ":path=//a.html",
    ":path=/../a.html",
    ":path=/x/../a.html",
    ":path=/a.html#x",
    ":path=a.html",
    ":path=",
    ":path=*",
    ":path=http://site.example/a.html",
    ":path=/a_b",
    ":path=-",
    ":method=-",
    ":method=",
    ":method=get",
    ":method=FOO",
    ":method=TRACE",
    ":method=OPTIONS :path=*",
    ":scheme=-",
    ":scheme=",
    ":scheme=https",
    ":authority=-",
    ":authority=- host=site.example",
    ":authority=- host=site.example host=site.example",
    ":authority=Site.Example:99",
    ":authority=a_b",
    ":authority=",
    "host=other.example",
    ":authority=other.example",
    "cookie=a=1 cookie=b=2 cookie=c=3",
    "a_x=1",
    "te=trailers",
    "expect=100-continue",
    ":x=y",
    ":path=/said :path=/said",
    "content-length=3",
    ":method=POST content-length=3 |abc",
    ":method=POST |abc",
    ":method=POST |",
    ":method=POST content-length=20 |abcdefghijklmnopqrst",
    ":method=POST content-length=11",
    "user-agent=x accept=*/*",
    "if-modified-since=x if-modified-since=y",
]
#: What differs on purpose, or from one moment to the next.
_NOT_COMPARED = {b"server", b"date", b"connection"}


@pytest.fixture(scope="module")
def both(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[int, World]]:
    """The port of nginx, and the same in memory."""
    site = tmp_path_factory.mktemp("site")
    (site / "www").mkdir()
    (site / "tmp").mkdir()
    (site / "www" / "a.html").write_text("0123456789" * 10)
    os.utime(site / "www" / "a.html", (1_000_000_000, 1_000_000_000))
    port = free_ports(1)[0]
    http = HTTP.replace("PORT", str(port)).replace("WWW", str(site / "www"))
    (site / "nginx.conf").write_text(CONFIGURATION.format(http=http))
    assert NGINX is not None
    with (site / "stderr").open("wb") as errors:
        process = subprocess.Popen([NGINX, "-p", str(site), "-c", "nginx.conf"], stderr=errors)
    wait_until_listening(process, port, site / "stderr")
    yield port, World(http)
    process.terminate()
    process.wait(BOUND)


def request_of(case: str) -> tuple[list[tuple[bytes, bytes]], bytes | None]:
    """The fields of a case, and its body."""
    changes, bar, body = case.partition("|")
    fields = [*ORDINARY.items()]
    given: set[str] = set()
    for change in changes.split():
        name, _, value = change.replace("_", " ").partition("=") if "=_" in change else change.partition("=")
        if name in ORDINARY and name not in given:
            fields = [(n, value if n == name else v) for n, v in fields if n != name or value != "-"]
        else:
            fields.append((name, value))
        given.add(name)
    return [(n.encode(), v.encode()) for n, v in fields], body.encode() if bar else None


def ask(client: Asker, case: str) -> int:
    """Send the request of a case; the number of its stream."""
    fields, body = request_of(case)
    number = client.begin_with(fields, ended=body is None)
    if body is not None and not client.answer(number).ended:
        client.body(number, body, ended=True)
    return number


def compared(answer: Answer) -> tuple[int, dict[bytes, bytes], bytes]:
    """What has to be the same."""
    if not answer.heads:
        return 0, {}, b""
    fields = {name: value for name, value in answer.heads[-1] if name not in _NOT_COMPARED}
    page = b"<center>" in answer.body
    if page or (answer.status >= 300 and b"content-length" in fields):
        fields.pop(b"content-length", None)  # the pages name the program
    return answer.status, fields, b"page" if page else answer.body


@pytest.mark.parametrize("case", CASES)
def test_same_answer(both: tuple[int, World], case: str) -> None:
    """Status, fields and body are nginx's."""
    port, world = both
    ours = Asker(world)
    theirs = Client(port)
    try:
        expected = theirs.whole(ask(theirs, case))
    finally:
        theirs.close()
    assert compared(ours.answer(ask(ours, case))) == compared(expected)
