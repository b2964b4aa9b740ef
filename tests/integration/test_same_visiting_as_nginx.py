"""Referers, secure links, visitors' cookies, arguments and ranges: as nginx does it, where nginx is installed.

nginx is a process, ours is in memory, both on the same configuration.
"""

from __future__ import annotations

import hashlib
import os
import re
import subprocess
from base64 import b64encode, urlsafe_b64encode
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.integration.running import BOUND, free_ports
from tests.integration.test_same_answers_as_nginx import CONFIGURATION, NGINX, theirs, wait_until_listening
from tests.proxy.conversation import World, head

pytestmark = pytest.mark.skipif(
    NGINX is None, reason="nginx is not installed: there is nothing to compare with"
)

SERVER = r"""
server {
    listen 127.0.0.1:PORT;
    server_name own.example *.wild.example ~^r\d+\.example$;
    root WWW;

    location /r1 { valid_referers none blocked server_names; return 200 "[$invalid_referer]"; }
    location /r2 { valid_referers a.example *.b.example c.* .d.example; return 200 "[$invalid_referer]"; }
    location /r3 { valid_referers a.example/in/ ~\.google\. ~\?x; return 200 "[$invalid_referer]"; }
    location /r4 { valid_referers ~a; return 200 "[$invalid_referer]"; }
    location /r5 { valid_referers blocked a.example; return 200 "[$invalid_referer]"; }
    location /r6 { return 200 "[$invalid_referer]"; }

    location /s1 { secure_link $arg_m,$arg_e; secure_link_md5 "$arg_e$uri word";
        return 200 "[$secure_link][$secure_link_expires]"; }
    location /s2 { secure_link $arg_m; secure_link_md5 "$uri word"; return 200 "[$secure_link]"; }
    location /s3/ { secure_link_secret word; return 200 "[$secure_link]"; }
    location /s4 { secure_link $arg_m; return 200 "[$secure_link]"; }

    location /u1 { userid on; userid_service 258; return 200 "[$uid_got]"; }
    location /u2 { userid v1; userid_service 258; userid_name id; userid_domain d.example; userid_path /p;
        userid_expires max; userid_p3p "x y"; return 200 "[$uid_got]"; }
    location /u3 { userid on; userid_service 258; userid_mark Z; return 200 "[$uid_got]"; }
    location /u4 { userid log; return 200 "[$uid_got]"; }
    location /u5 { userid on; userid_service 258; userid_flags httponly secure samesite=lax; userid_expires 1h;
        set $uid_reset $arg_r; return 200 "[$uid_got]"; }

    location /a1 { set $args "$args&b=2"; return 200 "$args|$is_args|$arg_b|$query_string|$request_uri"; }
    location /a2/ { set $args c; rewrite ^/a2/(.*) /a3/$1 last; }
    location /a3/ { return 200 "$uri|$args"; }

    location /f1 { add_header Last-Modified "Wed, 01 Jan 2020 00:00:00 GMT"; add_header ETag '"other"'; }
    location /f2 { add_header Last-Modified ""; }
    location /f3 { max_ranges 1; }

    location /l1 { limit_rate 1m; return 200 "$limit_rate"; }
    location /l2 { limit_rate 1m; set $limit_rate 2k; return 200 "$limit_rate"; }
    location /k1 { keepalive_disable safari; return 200 x; }
    location /k2 { keepalive_disable none; return 200 x; }
    location /k3 { return 200 x; }
}
"""
REFERERS = (
    "",
    "hidden",
    "http://a.b",
    "http://own.example/x",
    "https://OWN.example:8080",
    "http://x.wild.example/",
    "http://r1.example/",
    "http://a.example",
    "http://a.example/in/x",
    "http://a.example/out",
    "http://b.example/",
    "http://x.b.example:1/?y",
    "http://c.org/",
    "http://xc.org/",
    "http://d.example/",
    "http://w.d.example/",
    "ftp://a.example/",
    "http://www.Google.com/",
    "http://z/?xyz",
    f"http://{'a' * 257}/",
)
KNOWN = b64encode(bytes(range(1, 17))).decode()
MSIE, SAFARI = "User-Agent: x (MSIE 6.0; y)", "User-Agent: (Mac OS X) Safari/1"
DATE = "Wed, 01 Jan 2020 00:00:00 GMT"


def md5(text: str) -> str:
    return urlsafe_b64encode(hashlib.md5(text.encode()).digest()).decode().rstrip("=")


def cases() -> list[tuple[str, str, tuple[str, ...]]]:
    """A method, a path, and further fields."""
    found: list[tuple[str, str, tuple[str, ...]]] = []
    for number in range(1, 7):
        found += [("GET", f"/r{number}", (f"Referer: {referer}",) if referer else ()) for referer in REFERERS]
    for expires in ("1", "4000000000", "0", "x", "-1", ""):
        found.append(("GET", f"/s1?m={md5(f'{expires}/s1 word')}&e={expires}", ()))
    right = md5("/s2 word")
    values = (
        "",
        right,
        right + "=",
        right + "==",
        right + "===",
        right[:-1],
        right + "A",
        right[::-1],
        "!" + right[1:],
    )
    found += [("GET", f"/s2?m={value}", ()) for value in values]
    for link in ("a", "a/b%20c?d=e"):
        digest = hashlib.md5((link + "word").encode()).hexdigest()
        paths = (f"{digest}/{link}", f"{digest.upper()}/{link}", f"{digest}/{link}x", digest, f"{digest}/")
        found += [("GET", f"/s3/{path}", ()) for path in paths]
    found.append(("GET", "/s4?m=x", ()))
    cookies = (
        "",
        f"uid={KNOWN}",
        f"UID={KNOWN}",
        f"id={KNOWN}",
        f"a=b; uid={KNOWN[:22]}Z=",
        "uid=short",
        f"uid={'!' * 24}",
    )
    for number in range(1, 6):
        found += [("GET", f"/u{number}", (f"Cookie: {cookie}",) if cookie else ()) for cookie in cookies]
    found += [("GET", f"/u5?r={value}", (f"Cookie: uid={KNOWN}",)) for value in ("0", "1", "log")]
    found += [("GET", path, ()) for path in ("/a1", "/a1?x=1", "/a2/y?z", "/l1", "/l2")]
    for number in (1, 2):
        for value in (DATE, '"other"', "Thu, 02 Jan 2020 00:00:00 GMT", '"x"', "nonsense"):
            found.append(("GET", f"/f{number}", ("Range: bytes=0-3", f"If-Range: {value}")))
    found += [("GET", "/f3", (f"Range: bytes={value}",)) for value in ("0-1", "0-1,3-4", "-2")]
    for number in (1, 2, 3):
        for agent in (MSIE, SAFARI):
            found += [("GET", f"/k{number}", (agent,)), ("POST", f"/k{number}", (agent, "Content-Length: 0"))]
    return found


@pytest.fixture(scope="module")
def both(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[int, World]]:
    """The port of nginx, and the same in memory."""
    folder = tmp_path_factory.mktemp("visiting")
    (folder / "tmp").mkdir()
    (folder / "www").mkdir()
    for name in ("f1", "f2", "f3"):
        (folder / "www" / name).write_text("0123456789")
        os.utime(folder / "www" / name, (1_000_000_000, 1_000_000_000))
    _readable(folder)
    port = free_ports(1)[0]
    http = SERVER.replace("PORT", str(port)).replace("WWW", str(folder / "www"))
    (folder / "nginx.conf").write_text(CONFIGURATION.format(http=http))
    assert NGINX is not None
    with (folder / "stderr").open("wb") as errors:
        process = subprocess.Popen([NGINX, "-p", str(folder), "-c", "nginx.conf"], stderr=errors)
    wait_until_listening(process, port, folder / "stderr")
    yield port, World(http)
    process.terminate()
    process.wait(BOUND)


def _readable(folder: Path) -> None:
    for part in (folder, folder.parent):
        part.chmod(0o755)


def shown(answer: bytes) -> tuple[int, dict[str, str], bytes]:
    """What has to be the same; of a new visitor's cookie what is not another one each time."""
    status, fields, body = head(answer)
    for name in ("server", "date"):
        fields.pop(name, None)
    cookie = fields.get("set-cookie", "")
    if KNOWN[:22] not in cookie:
        fields["set-cookie"] = re.sub(r"=[^;]{6}[^;]{18}(?<=[=Z]=)", "=NEW", cookie, count=1)
        fields["set-cookie"] = re.sub(
            r"expires=\w{3}, \d\d-\w{3}-\d\d \d\d:\d\d:\d\d GMT", "expires=SOON", fields["set-cookie"]
        )
    return status, fields, body


@pytest.mark.parametrize("letter", "rsuaflk")
def test_same(both: tuple[int, World], letter: str) -> None:
    """Status, fields, the connection's end and the body are nginx's."""
    port, world = both
    different = []
    for method, path, fields in cases():
        if path[1] == letter:
            lines = (f"{method} {path} HTTP/1.1", "Host: own.example", *fields)
            closing = lines if letter == "k" else (*lines, "Connection: close")
            ours = shown(world.ask("\r\n".join((*closing, "", "")).encode()))
            nginxs = shown(_asked(port, lines, closing))
            if ours != nginxs:
                different.append(f"{lines}:\n  {ours}\n  {nginxs}")
    assert not different, "\n".join(different)


def _asked(port: int, lines: tuple[str, ...], closing: tuple[str, ...]) -> bytes:
    """nginx's answer; where the connection may stay, a second request ends it."""
    if closing is not lines:
        return theirs(port, "\r\n".join((*closing, "", "")).encode())
    second = ("GET /k2 HTTP/1.1", "Host: own.example", "Connection: close", "", "")
    both = theirs(port, "\r\n".join((*lines, "", *second)).encode())
    first, _, rest = both.partition(b"\r\n\r\n")
    return first + b"\r\n\r\n" + rest[:1]
