"""Who may ask, what is limited, and what is changed of servers' answers: as nginx does it, where nginx is installed.

Both are processes on the same configuration, and both forward to the same servers.
"""

from __future__ import annotations

import subprocess
from base64 import b64encode
from pathlib import Path

import pytest
import pytest_twisted
from twisted.internet.threads import deferToThread

from tests.integration.running import BOUND, SAME_USER, Site, free_ports, is_free, until
from tests.integration.test_same_answers_as_nginx import CONFIGURATION, NGINX, compared, theirs

pytestmark = pytest.mark.skipif(
    NGINX is None, reason="nginx is not installed: there is nothing to compare with"
)

FRONT = r"""
limit_req_zone $arg_k zone=req:1m rate=1r/m;
limit_req_zone $arg_j zone=other:1m rate=1r/m;
upstream one { server 127.0.0.1:BACK; }
server {
    listen 127.0.0.1:PORT;
    server_name site;
    set_real_ip_from 127.0.0.1;
    real_ip_header X-Forwarded-For;
    real_ip_recursive on;
    auth_basic_user_file USERS;

    location /a1 { allow 203.0.113.0/24; deny all; return 200 never; alias WWW/a.txt; }
    location /a2 { allow 203.0.113.0/24; allow 2001:db8::/32; deny all; alias WWW/a.txt; }
    location /a3 { deny 203.0.113.7; alias WWW/a.txt; }
    location /a4 { allow unix:; deny all; alias WWW/a.txt; }
    location /a5 { deny all; error_page 403 = /a3; alias WWW/a.txt; }
    location /a6 { return 200 "$remote_addr|$realip_remote_addr"; }

    location /b1 { auth_basic closed; alias WWW/a.txt; }
    location /b2 { auth_basic "for $host"; alias WWW/a.txt; }
    location /b3 { auth_basic off; alias WWW/a.txt; }
    location /b4 { auth_basic x; auth_basic_user_file WWW/none; alias WWW/a.txt; }
    location /b5 { auth_basic x; auth_basic_user_file WWW; alias WWW/a.txt; }
    location /b6 { auth_basic x; satisfy any; allow 203.0.113.7; deny all; alias WWW/a.txt; }
    location /b7 { satisfy any; deny all; alias WWW/a.txt; }
    location /b8 { auth_basic x; satisfy all; deny 203.0.113.7; alias WWW/a.txt; }
    location /b9 { auth_basic x; error_page 401 /b3; alias WWW/a.txt; }

    location /l1 { limit_req zone=req; alias WWW/a.txt; }
    location /l2 { limit_req zone=req burst=2 nodelay; limit_req_status 429; alias WWW/a.txt; }
    location /l3 { limit_req zone=req; limit_req zone=other burst=5 nodelay; alias WWW/a.txt; }
    location /l4 { limit_req zone=req; limit_req_dry_run on; add_header X-L $limit_req_status; alias WWW/a.txt; }
    location /l5 { limit_req zone=req; error_page 503 =200 /a6; alias WWW/a.txt; }

    location /q1 { auth_request /check?s=200; alias WWW/a.txt; }
    location /q2 { auth_request /check401; alias WWW/a.txt; }
    location /q3 { auth_request /check403; alias WWW/a.txt; }
    location /q4 { auth_request /check500; alias WWW/a.txt; }
    location /q5 { auth_request /check204; auth_request_set $u $upstream_http_x_user; add_header X-U $u;
        alias WWW/a.txt; }
    location /q6 { satisfy any; auth_request /check403; allow 203.0.113.7; deny all; alias WWW/a.txt; }
    location /check { internal; proxy_pass http://one/status; }

    location /r1/ { proxy_pass http://one/; }
    location /r2/ { proxy_pass http://one/base/; }
    location /r3/ { proxy_pass http://one/; proxy_redirect off; }
    location /r4/ { proxy_pass http://one/; proxy_redirect http://one/ https://x.example/y/; }
    location /r5/ { proxy_pass http://one/; proxy_redirect ~^http://([a-z]+)/(.*)$ /$1/to/$2; }
    location /r6/ { proxy_pass http://one/; proxy_redirect ~*^HTTP://ONE/(.*)$ https://$host/$1;
        proxy_redirect default; }
    location /r7/ { set $to one; proxy_pass http://$to/redirect/one; }

    location /c1/ { proxy_pass http://one/; proxy_cookie_domain one.example two.example;
        proxy_cookie_path /base/ /front/; }
    location /c2/ { proxy_pass http://one/; proxy_cookie_domain ~\.?([a-z]+)\.example$ $1.test;
        proxy_cookie_path ~*^/BASE(.*) /x$1; }
    location /c3/ { proxy_pass http://one/; proxy_cookie_flags first httponly secure samesite=lax;
        proxy_cookie_flags ~second nosecure nohttponly nosamesite; }
    location /c4/ { proxy_pass http://one/; proxy_cookie_path off; }

    location /h1/ { proxy_pass http://one/; proxy_hide_header X-One; proxy_hide_header Cache-Control; }
    location /h2/ { proxy_pass http://one/; proxy_pass_header X-Accel-Limit-Rate; proxy_pass_header X-Pad; }
    location /h3/ { proxy_pass http://one/; proxy_hide_header X-One; add_header X-One added; }

    location /x/ { proxy_pass http://one/; }
    location /x2/ { proxy_pass http://one/; proxy_ignore_headers X-Accel-Redirect; }
    location /inside/ { internal; alias WWW/; }
    location /shown { internal; return 200 "$uri|$args|$request_method"; }
    location @named { return 200 "named $uri $args $request_method"; }
    location @fallback { return 200 fallback; }

    location /m1 { proxy_method PUT; proxy_pass http://one/echo; }
    location /m2 { proxy_set_body "own $arg_a"; proxy_pass http://one/echo; }
    location /m3 { proxy_pass_request_headers off; proxy_pass http://one/echo; }
    location /m4 { proxy_pass_request_body off; proxy_set_header Content-Length ""; proxy_pass http://one/echo; }

    location /i1/ { proxy_intercept_errors on; error_page 404 /shown; error_page 500 = @fallback;
        proxy_pass http://one/; }
}
"""

#: nginx alone is asked to be these servers.
BEHIND = r"""
server {
    listen 127.0.0.1:BACK;
    default_type text/plain;
    location /redirect/one { return 301 http://one/a?b; }
    location /redirect/base { return 302 http://one/base/a; }
    location /redirect/two { return 302 http://two/a; }
    location /redirect/own { absolute_redirect off; return 302 /own; }
    location /redirect/refresh { add_header Refresh "5; url=http://one/a"; return 200 x; }
    location /redirect/plain { add_header Refresh 5; return 200 x; }
    location /cookies {
        add_header Set-Cookie "first=1; domain=one.example; path=/base/x; Secure";
        add_header Set-Cookie "second=2; Path=/BASE/y; HttpOnly; SameSite=Strict; secure";
        add_header Set-Cookie "third=path=/base/; domain=.one.example; max-age=5";
        add_header Set-Cookie "fourth";
        return 200 x;
    }
    location /fields { add_header X-One 1; add_header X-Two 2; add_header Cache-Control private;
        add_header X-Accel-Limit-Rate 100000; add_header X-Pad pad; add_header X-Accel-Expires 5; return 200 x; }
    location /to/file { add_header X-Accel-Redirect /inside/a.txt; add_header Set-Cookie a=b; add_header ETag no;
        add_header Cache-Control private; add_header X-Other no; return 200 x; }
    location /to/shown { add_header X-Accel-Redirect "/shown?c=d"; return 200 x; }
    location /to/named { add_header X-Accel-Redirect @named; return 200 x; }
    location /to/nowhere { add_header X-Accel-Redirect /inside/none; return 200 x; }
    location /to/unsafe { add_header X-Accel-Redirect /inside/../x; return 200 x; }
    location /to/odd { add_header X-Accel-Redirect "/shown%20a/b?e"; return 200 x; }
    location /echo { return 200 "$request_method|$http_content_length|$http_x_own|$http_host"; }
    location /status { add_header X-User ann always; return 200 ok; }
    location = /status401 { add_header WWW-Authenticate "Bearer x" always; return 401; }
    location = /status403 { return 403; }
    location = /status500 { return 500; }
    location = /status204 { add_header X-User ann always; return 204; }
    location /404 { return 404 theirs; }
    location /500 { return 500 theirs; }
    location /503 { return 503 theirs; }
}
"""
USERS = "ann:{PLAIN}secret\napr:$apr1$saltsalt$LrttParrLPdxvgutaSXWJ0\nsha:{SHA}5en6G6MezRroT3XKqkdPOmY/BfQ=\nodd:x y\n"
FROM = (
    "X-Forwarded-For: 203.0.113.7",
    "X-Forwarded-For: 10.0.0.1, 203.0.113.7:99, 127.0.0.1",
    "X-Forwarded-For: no",
)


def basic(words: str) -> str:
    return f"Authorization: Basic {b64encode(words.encode()).decode()}"


def cases() -> list[tuple[str, tuple[str, ...]]]:
    """A method and a path, and further fields."""
    found: list[tuple[str, tuple[str, ...]]] = []
    for number in range(1, 7):
        found += [(f"GET /a{number}", (where,) if where else ()) for where in ("", *FROM)]
    found.append(("GET /a2", ("X-Forwarded-For: 2001:db8::7",)))
    found.append(("GET /a6", ("X-Forwarded-For: [2001:db8::7]:80",)))
    passwords = [
        basic(words) for words in ("ann:secret", "apr:secret", "sha:secret", "ann:public", "eve:secret")
    ]
    odd = [
        "Authorization: Basic !",
        "Authorization: Basic YQ==",
        "Authorization: basic  YW5uOnNlY3JldA==",
        "Authorization: Digest x",
    ]
    for number in range(1, 10):
        chosen = [*passwords, *odd] if number == 1 else passwords[:1] + passwords[3:4]
        found += [(f"GET /b{number}", (field,)) for field in chosen]
        found += [(f"GET /b{number}", ()), (f"GET /b{number}", (FROM[0],))]
    for number in range(1, 6):
        found += [(f"GET /l{number}?k=k{number}&j=j{number}", ())] * 5
    found += [(f"GET /q{number}", ()) for number in range(1, 7)] + [("GET /q6", (FROM[0],)), ("POST /q5", ())]
    kinds = ("one", "base", "two", "own", "refresh", "plain")
    found += [(f"GET /r{number}/redirect/{kind}", ()) for number in range(1, 7) for kind in kinds]
    found += [("GET /r7/", ()), *((f"GET /c{number}/cookies", ()) for number in range(1, 5))]
    found += [(f"GET /h{number}/fields", ()) for number in range(1, 4)]
    places = ("file", "shown", "named", "nowhere", "unsafe", "odd")
    found += [(f"{method} /x/to/{place}", ()) for place in places for method in ("GET", "POST")]
    found.append(("HEAD /x/to/file", ()))
    found.append(("GET /x2/to/file", ()))
    found += [
        (f"{method} /m{number}?a=b", ("X-Own: 1",)) for number in (1, 2, 4) for method in ("GET", "POST")
    ]
    found.append(("GET /m3", ("X-Own: 1",)))
    found += [(f"GET /i1/{status}", ()) for status in (404, 500, 503)]
    return found


async def answer(port: int, case: tuple[str, tuple[str, ...]]) -> tuple[int, list[str], bytes]:
    """What has to be the same: the status, the fields with their values in any order, the body."""
    start, fields = case
    body = "12345" if start.startswith("POST") else ""
    length = (f"Content-Length: {len(body)}",) if body else ()
    lines = [f"{start} HTTP/1.1", "Host: site", "Connection: close", *length, *fields, "", body]
    data: bytes = await deferToThread(theirs, port, "\r\n".join(lines).encode())
    status, found, shown = compared(data)
    cookies = [
        line
        for line in data.partition(b"\r\n\r\n")[0].decode().split("\r\n")
        if line.startswith("Set-Cookie")
    ]
    found.pop("set-cookie", None)
    text = [f"{name}: {value}".replace(str(port), "PORT") for name, value in found.items()]
    return status, sorted(text) + cookies, shown.replace(str(port).encode(), b"PORT")


@pytest_twisted.ensureDeferred
async def test_same_answers(site: Site, tmp_path: Path) -> None:
    """Status, fields and body are nginx's."""
    first, second, back = free_ports(3)
    (tmp_path / "www").mkdir()
    (tmp_path / "www" / "a.txt").write_text("hello")
    (tmp_path / "users").write_text(USERS)
    front = FRONT.replace("WWW", str(tmp_path / "www")).replace("USERS", str(tmp_path / "users"))
    front = front.replace("BACK", str(back))
    site.http("access_log off;" + front.replace("PORT", str(second)))
    (tmp_path / "nginx" / "tmp").mkdir(parents=True)
    tmp_path.chmod(0o755)
    http = "proxy_http_version 1.1;" + front.replace("PORT", str(first)) + BEHIND.replace("BACK", str(back))
    (tmp_path / "nginx" / "nginx.conf").write_text(CONFIGURATION.format(http=http))
    assert NGINX is not None
    nginx = subprocess.Popen([NGINX, "-p", str(tmp_path / "nginx"), "-c", "nginx.conf"])
    try:
        await until(lambda: not is_free(first) and not is_free(back), "nginx")
        await site.proxy(*SAME_USER).listening(second)
        different = {}
        for number, case in enumerate(cases()):
            ours, nginxs = await answer(second, case), await answer(first, case)
            if ours != nginxs:
                different[number, case] = (ours, nginxs)
        assert not different, "\n".join(f"{case}:\n  {a}\n  {b}" for case, (a, b) in different.items())
    finally:
        nginx.terminate()
        await deferToThread(nginx.wait, BOUND)
