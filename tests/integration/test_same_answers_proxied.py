"""Servers behind it: the same answers as nginx, where nginx is installed; both forward to the same servers.

Here both are processes.  ``test_same_answers_as_nginx`` is about what needs no server.
"""

from __future__ import annotations

import subprocess
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
map $uri $up { ~^/v/one one; default one; }
upstream one { server 127.0.0.1:BACK; }
server {
    listen 127.0.0.1:PORT;
    server_name site;
    root WWW;
    location /p1/ { proxy_pass http://one/base/; }
    location /p2/ { rewrite ^/p2/(.*) /n/$1 break; proxy_pass http://one; }
    location /p3/ { rewrite ^/p3/(.*) /n/$1 break; proxy_pass http://one/x/; }
    location /p4/ { if ($arg_a) { proxy_pass http://one; } return 200 other; }
    location /p5/ { if ($arg_a) { set $x 1; } proxy_pass http://one/y/; }
    location /p6/ { proxy_intercept_errors on; error_page 404 /404.html; error_page 500 =200 /a.html;
        error_page 403 @n; proxy_pass http://one; }
    location /p7/ { try_files $uri @b; }
    location @b { proxy_pass http://one; }
    location @n { return 200 "named $upstream_status"; }
    location /p8/ { error_page 502 504 = @dead; proxy_pass http://127.0.0.1:1; }
    location @dead { add_header X-Dead $status; return 503 dead; }
    location /p9/ { error_page 502 /404.html; proxy_pass http://127.0.0.1:1; }
    location /p10/ { add_header X-A a; add_header X-B b always; expires 1h; proxy_pass http://one/; }
    location /p11/ { proxy_pass http://$up$uri?z; }
    location /p12/ { limit_except GET { proxy_pass http://one; } return 200 get; }
    location /p14 { location ~ \.php$ { proxy_pass http://one; } location /p14/in/ { return 200 in;
        } try_files $uri =404; }
    location = /p15 { return 200 exact; }
    location /p16/ { alias WWW/; error_page 404 = /p15; }
    location /p17/ { rewrite ^/p17/(.*)$ /p1/$1; }
    location /p18/ { error_page 418 = @b; if ($request_method = POST) { return 418; } return 200 got; }
    location /p19/ { proxy_set_header X-Y $arg_y; if ($arg_y) { set $z z; } proxy_pass http://one; }
    location /p20/ { proxy_pass http://one; proxy_redirect default; error_page 301 /a.html; }
    location /p21/ { set $a $1; rewrite /p21/(x)(.*) /p22/$2?a=$a&b=$1; }
    location /p22/ { return 200 "$uri $args $a"; }
    location /p23/ { if ($uri ~ /p23/(.*)) { set $m $1; rewrite ^ /p22/$m?m=$m last; } }
    location /p24/ { add_header Cache-Control private; expires -1; proxy_pass http://one; }
    location /p25/ { error_page 404 /sub/; return 404; }
    location /p26/ { error_page 401 403 404 =404 /404.html; return 403; }
    location /p27/ { internal; proxy_pass http://one; }
    location /p28/ { rewrite ^/p28/(.*) /p27/$1; }
    location /p29/ { rewrite ^/p29/a /p27/a last; rewrite ^ /p29/none break; }
    location /p30/ { return 302 /abs; }
    location /p31/ { return 302 rel; }
    location /p32/ { root WWW; try_files /sub/ /a.html =404; }
}
"""

#: nginx alone is asked to be these servers.
BEHIND = r"""
server { listen 127.0.0.1:BACK; default_type text/plain;
  location / { add_header Cache-Control public; add_header X-Back b;
      return 200 "$request|$http_x_y|$request_body_file|$http_content_length|$http_host"; }
  location /p6/404 { return 404 back404; } location /p6/500 { return 500 back500;
      } location /p6/403 { return 403 back403; }
  location /p6/410 { return 410 back410; } location /p20/ { return 301 /moved; }
}
"""

#: A path, or a method and a path; POST has a body.
CASES = """
/p1/a%20b?x, /p2/a%20b?x, /p3/a?x, /p4/z?a=1, /p4/z, /p5/q?a=1, /p5/q, /p6/ok, /p6/404, /p6/500, /p6/403, /p6/410,
/p7/x?y,
POST /p7/x?y, /p8/, POST /p8/, /p9/, /p10/z, /p11/w, /p12/,
POST /p12/, /p14/x.php, /p14/in/x, /p14/none, /p15, /p16/a.html, /p16/none, /p17/r?s, /p18/,
POST /p18/, /p19/?y=1, /p19/, /p20/, /p21/xabc, /p21/xabc?q=1, /p23/foo, /p24/, /p25/,
HEAD /p25/, /p26/, /p27/, /p28/a, /p29/a, /p29/b, /p30/, /p31/, /p32/, /p1, /p2, HEAD /p1/a,
DELETE /p1/a, /p6/404?x, HEAD /p6/404, POST /p6/404
"""


def request_of(case: str) -> bytes:
    """The request as bytes."""
    method, _, target = case.rpartition(" ")
    body = "12345" if method == "POST" else ""
    length = f"Content-Length: {len(body)}\r\n" if body else ""
    head = f"{method or 'GET'} {target} HTTP/1.1\r\nHost: site\r\nConnection: close\r\n"
    return f"{head}{length}\r\n{body}".encode()


async def answer(port: int, case: str) -> tuple[int, dict[str, str], bytes]:
    """What has to be the same of the answer."""
    status, fields, body = compared(await deferToThread(theirs, port, request_of(case)))
    fields.pop("expires", None)
    return status, {name: value.replace(str(port), "PORT") for name, value in fields.items()}, body


def write_files(root: Path) -> None:
    """The files that both serve."""
    for name, text in {"a.html": "hello", "404.html": "gone", "sub/index.html": "index"}.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)


@pytest_twisted.ensureDeferred
async def test_same_answers(site: Site, tmp_path: Path) -> None:
    """Status, fields and body are nginx's, and so is what the server gets."""
    first, second, back = free_ports(3)
    write_files(tmp_path / "www")
    front = FRONT.replace("WWW", str(tmp_path / "www")).replace("BACK", str(back))
    site.http("access_log off; dyups_literal_targets on;" + front.replace("PORT", str(second)))
    (tmp_path / "nginx" / "tmp").mkdir(parents=True)
    http = "proxy_http_version 1.1;" + front.replace("PORT", str(first)) + BEHIND.replace("BACK", str(back))
    (tmp_path / "nginx" / "nginx.conf").write_text(CONFIGURATION.format(http=http))
    assert NGINX is not None
    nginx = subprocess.Popen([NGINX, "-p", str(tmp_path / "nginx"), "-c", "nginx.conf"])
    try:
        await until(lambda: not is_free(first) and not is_free(back), "nginx")
        await site.proxy(*SAME_USER).listening(second)
        for case in " ".join(CASES.split()).split(", "):
            assert await answer(second, case) == await answer(first, case), case
    finally:
        nginx.terminate()
        await deferToThread(nginx.wait, BOUND)
