"""Compressed answers: the same heads as nginx's, where nginx is installed, and the same bodies once they are unpacked.

Both are processes that forward to the same servers, and serve the same files.
"""

from __future__ import annotations

import gzip
import os
import subprocess
from pathlib import Path

import pytest
import pytest_twisted
from twisted.internet.threads import deferToThread

from dyups.http1.chunked import ChunkedReader
from tests.integration.running import BOUND, SAME_USER, Site, free_ports, is_free, until
from tests.integration.test_same_answers_as_nginx import CONFIGURATION, NGINX, NOT_COMPARED, theirs
from tests.proxy.conversation import head

pytestmark = pytest.mark.skipif(
    NGINX is None, reason="nginx is not installed: there is nothing to compare with"
)

FRONT = r"""
upstream one { server 127.0.0.1:BACK; }
server {
    listen 127.0.0.1:PORT;
    server_name site;
    server_tokens off;
    root WWW;
    types { text/html html; text/css css; text/plain txt; }
    gzip on;

    location /on/ { proxy_pass http://one/; }
    location /off/ { gzip off; proxy_pass http://one/; }
    location /vary/ { gzip_vary on; proxy_pass http://one/; }
    location /types/ { gzip_types text/css TEXT/PLAIN; proxy_pass http://one/; }
    location /all/ { gzip_types *; proxy_pass http://one/; }
    location /min/ { gzip_min_length 5000; proxy_pass http://one/; }
    location /level/ { gzip_comp_level 9; gzip_window 4k; gzip_hash 16k; gzip_buffers 4 8k; proxy_pass http://one/; }
    location /any/ { gzip_proxied any; proxy_pass http://one/; }
    location /expired/ { gzip_proxied expired; proxy_pass http://one/; }
    location /caches/ { gzip_proxied no-cache no-store private; proxy_pass http://one/; }
    location /nolm/ { gzip_proxied no_last_modified; proxy_pass http://one/; }
    location /noetag/ { gzip_proxied no_etag; proxy_pass http://one/; }
    location /auth/ { gzip_proxied auth; proxy_pass http://one/; }
    location /adds/ { gzip_proxied expired; expires epoch; add_header X-A $sent_http_content_encoding-;
        proxy_pass http://one/; }
    location /old/ { gzip_http_version 1.0; proxy_pass http://one/; }
    location /agents/ { gzip_disable "^bad" msie6; proxy_pass http://one/; }
    location /un/ { gunzip on; gzip off; proxy_pass http://one/; }
    location /unvary/ { gunzip on; gzip_vary on; proxy_pass http://one/; }
    location /unbuffered/ { proxy_buffering off; proxy_pass http://one/; }
    location /hide/ { proxy_hide_header Content-Encoding; gzip_types text/css; proxy_pass http://one/; }
    location /if/ { gzip off; if ($arg_a) { gzip on; } proxy_pass http://one; }

    location /files/ { alias WWW/; gzip_types text/css; }
    location /filesvary/ { alias WWW/; gzip_vary on; }
    location /static/ { alias WWW/; gzip off; gzip_static on; }
    location /staticvary/ { alias WWW/; gzip_static on; gzip_vary on; }
    location /always/ { alias WWW/; gzip_static always; gzip_vary on; }
    location /unpacked/ { alias WWW/; gzip_static always; gunzip on; gzip off; }
    location /trust/ { alias WWW/; gzip_static on; gzip_proxied expired; }
    location /index/ { alias WWW/; gzip_static on; index index.html; }

    location /sub/ { sub_filter index [$uri]; sub_filter AN the; sub_filter ind longer; sub_filter_once off;
        proxy_pass http://one/; }
    location /subonce/ { sub_filter index [$uri]; sub_filter AN the; gzip off; proxy_pass http://one/; }
    location /subkeep/ { sub_filter index other; sub_filter_last_modified on; proxy_pass http://one/; }
    location /subtypes/ { sub_filter_types text/css; sub_filter "b: c" "d: e"; gzip_types text/css;
        proxy_pass http://one/; }
    location /suball/ { sub_filter_types *; sub_filter text $request_method; proxy_pass http://one/; }
    location /subvar/ { sub_filter $arg_a [$arg_b]; sub_filter_once off; proxy_pass http://one/; }
    location /subun/ { gunzip on; sub_filter copy COPIES; sub_filter_once off; proxy_pass http://one/; }
    location /subfiles/ { sub_filter index other; sub_filter_types text/css; alias WWW/; }
    location /subret { default_type text/html; sub_filter enough "more than that"; return 200 "long enough ENOUGH"; }
    location /subpage { sub_filter nginx dyups; sub_filter 404 four; return 404; }

    location /ret { default_type text/html; return 200 "a text that is long enough $gzip_ratio"; }
    location /empty { default_type text/html; gzip_min_length 0; return 200; }
    location /ret201 { default_type text/html; return 201 "a text that is long enough"; }
    location /ret403 { return 403; }
    location /ret404 { gzip_vary on; return 404; }
    location /ret404t { default_type text/html; return 404 "a text that is long enough"; }
    location /ret500 { return 500; }
    location /ret301 { return 301 /a; }
    location /page { error_page 404 /index.html; return 404; }
    location /page2 { error_page 404 =200 /index.html; return 404; }
    location /page3 { error_page 404 =201 /index.html; return 404; }
    location /charset { charset utf-8; default_type text/html; return 200 "a text that is long enough"; }
}
"""

#: nginx alone is asked to be this server; it does not compress itself, but has files that are.
BEHIND = r"""
server { listen 127.0.0.1:BACK; root WWW; types { text/html html; text/css css; text/plain txt; }
  location = /gone.html { return 410 "a text that is long enough"; }
  location = /none.html { return 404; }
  location = /epoch.html { expires epoch; alias WWW/index.html; }
  location = /max.html { expires max; alias WWW/index.html; }
  location = /badexp.html { add_header Expires nonsense; alias WWW/index.html; }
  location = /nocache.html { add_header Cache-Control "public, no-cache"; alias WWW/index.html; }
  location = /nostore.html { add_header Cache-Control no-store; alias WWW/index.html; }
  location = /private.html { add_header Cache-Control private; alias WWW/index.html; }
  location = /public.html { add_header Cache-Control public; alias WWW/index.html; }
  location = /neither.html { etag off; add_header Last-Modified ""; alias WWW/index.html; }
  location = /weak.html { etag off; add_header ETag 'W/"x"'; alias WWW/index.html; }
  location = /odd.html { etag off; add_header ETag x; alias WWW/index.html; }
  location = /vary.html { add_header Vary Cookie; alias WWW/index.html; }
  location = /br.html { add_header Content-Encoding br; alias WWW/index.html; }
  location = /params.html { default_type "text/html; charset=x"; types { } alias WWW/index.html; }
  location = /typeless.html { default_type ""; types { } alias WWW/index.html; }
  location ~ ^/gz/(.*)$ { gzip_static always; alias WWW/$1; }
  location /if/ { alias WWW/; }
}
"""

_PROXIED = [
    f"{kind}.html"
    for kind in ("index", "epoch", "max", "badexp", "nocache", "nostore", "private", "public", "neither")
]
_VIA = "Via: 1.1 x"
_GZIP = "Accept-Encoding: gzip"

#: A path, or a method and a path, and fields; all of them besides with and without ``Accept-Encoding: gzip``.
PATHS = """
/on/index.html /on/big.html /on/empty.html /on/short.html /on/a.css /on/none.html /on/gone.html /on/weak.html
/on/odd.html /on/vary.html /on/br.html /on/params.html /on/typeless.html /off/index.html /vary/index.html
/vary/vary.html
/vary/a.css /vary/gone.html /types/a.css /types/a.txt /types/index.html /all/a.css /all/typeless.html /all/br.html
/min/index.html /min/big.html /level/big.html /level/index.html /adds/index.html /un/gz/index.html
/unvary/gz/index.html /unvary/index.html /on/gz/index.html /hide/gz/a.css /unbuffered/big.html /if/index.html
/if/index.html?a=1 /files/a.css /files/index.html /files/a.txt /files/none.css /files/empty.html /files/big.html
/filesvary/index.html /filesvary/a.css /static/index.html /static/a.css /static/a.txt /static/none
/staticvary/index.html /staticvary/a.css /staticvary/big.html /always/index.html /always/only.css /always/a.txt
/unpacked/index.html /unpacked/only.css /unpacked/a.txt /trust/index.html /index/ /index/index.html
/sub/index.html /sub/big.html /sub/none.html /sub/a.css /sub/empty.html /sub/gone.html /subonce/index.html
/subonce/weak.html /subkeep/index.html /subkeep/weak.html /subkeep/odd.html /subtypes/a.css /subtypes/index.html
/suball/a.txt /suball/typeless.html /subvar/index.html /subvar/index.html?a=an /subvar/index.html?a=AN%20I&b=c
/subun/gz/index.html /subfiles/index.html /subfiles/a.css /subfiles/a.txt /subret /subpage
/ret /empty /ret201 /ret403 /ret404 /ret404t /ret500 /ret301 /page /page2 /page3 /charset
"""
CASES: list[tuple[str, ...]] = [
    *[(path,) for path in PATHS.split()],
    *[(path, _GZIP) for path in PATHS.split()],
    *[(f"HEAD {path}", _GZIP) for path in PATHS.split()],
    *[
        (f"/{place}/{name}", _GZIP, _VIA)
        for place in ("on", "any", "expired", "caches", "nolm", "noetag", "adds")
        for name in _PROXIED
    ],
    *[("/auth/index.html", _GZIP, _VIA, f"Authorization: {value}") for value in ("Basic YTpi",)],
    ("/auth/index.html", _GZIP, _VIA),
    ("/static/index.html", _GZIP, _VIA),
    ("/trust/index.html", _GZIP, _VIA),
    *[
        ("/ret", f"Accept-Encoding: {value}")
        for value in (
            *(
                "gzip;q=0",
                "gzip;q=0.0",
                "gzip;q=0.001",
                "gzip;q=1",
                "gzip;q=1.5",
                "gzip; q=0.5, x",
                "*",
                "x-gzip",
            ),
            *(
                "deflate, gzip",
                "deflate,GZIP",
                "gzip;",
                "gzip;q",
                "gzip ;q=1",
                "gzip,identity;q=0",
                "gzip;q=0, gzip",
            ),
        )
    ],
    *[
        ("/agents/index.html", _GZIP, f"User-Agent: {value}")
        for value in (
            *("good", "bad robot", "not bad", "Mozilla/4.0 (compatible; MSIE 6.0; Windows NT 5.1)"),
            *(
                "Mozilla/4.0 (compatible; MSIE 6.0; Windows NT 5.1; SV1)",
                "Mozilla/4.0 (compatible; MSIE 7.0; X)",
            ),
            *("Mozilla/4.0 (compatible; MSIE 5.01; X)", "Mozilla (MSIE 10.0; X)"),
        )
    ],
    *[
        (path, _GZIP, field)
        for path in (
            "/files/a.css",
            "/static/index.html",
            "/on/index.html",
            "/always/only.css",
            "/staticvary/big.html",
        )
        for field in (
            *("Range: bytes=0-3", "Range: bytes=99999999-", "Range: bytes=0-1,3-4"),
            *(
                "If-Modified-Since: Sun, 09 Sep 2001 01:46:40 GMT",
                'If-None-Match: W/"3b9aca00-64"',
                "If-None-Match: *",
            ),
        )
    ],
    ("/files/a.css", "Range: bytes=0-3"),
    ("/unpacked/only.css", "Range: bytes=0-3"),
    ("/subfiles/index.html", "Range: bytes=0-3"),
    ("/subfiles/a.css", 'If-None-Match: "3b9aca00-44c"'),
]

#: The same in HTTP/1.0.
OLD = """
/old/index.html /old/big.html /on/index.html /un/gz/index.html /static/index.html /files/a.css /ret
"""


def request_of(case: tuple[str, ...], version: str) -> bytes:
    """The request as bytes."""
    start, *fields = case
    method, _, target = start.rpartition(" ")
    lines = [f"{method or 'GET'} {target} HTTP/{version}", "Host: site", "Connection: close", *fields, "", ""]
    return "\r\n".join(lines).encode()


async def answer(port: int, case: tuple[str, ...], version: str) -> tuple[int, dict[str, str], bytes]:
    """What has to be the same of the answer; the body is unpacked."""
    whole = await deferToThread(theirs, port, request_of(case, version))
    status, fields, body = head(whole)
    varies = [
        line[6:] for line in whole.partition(b"\r\n\r\n")[0].split(b"\r\n") if line.startswith(b"Vary: ")
    ]
    if varies:
        fields["vary"] = b", ".join(sorted(varies)).decode()
    if fields.get("transfer-encoding"):
        reader = ChunkedReader()
        body = reader.feed(body)
        assert reader.rest == b"", case
    if fields.get("content-encoding") == "gzip" and body and status != 206:
        body = gzip.decompress(body)
    if b"<center>" in body or (case[0].startswith("HEAD") and status in (301, 404, 500)):
        body = body.replace(b"dyups", b"nginx").replace(b' bgcolor="white"', b"")
        fields.pop("content-length", None)
    boundary = fields.get("content-type", "").partition("boundary=")[2]
    if boundary:
        body = body.replace(boundary.encode(), b"BOUNDARY")
        fields["content-type"] = "boundary"
    if "/sub" in case[0]:
        fields.pop("accept-ranges", None)  # parts of a body that was changed are nowhere to be had
    shown = {name: value.replace(str(port), "PORT") for name, value in fields.items()}
    return status, {name: value for name, value in shown.items() if name not in NOT_COMPARED}, body


def write_files(root: Path) -> None:
    """The files that all of them serve."""
    root.mkdir()
    texts = {
        "index.html": "an index " * 20,
        "big.html": "".join(f"<p>{number}</p>" for number in range(100_000)),
        "short.html": "short",
        "empty.html": "",
        "a.css": "a { b: c } " * 100,
        "a.txt": "text " * 100,
    }
    for name, text in texts.items():
        (root / name).write_text(text)
    for name in ("index.html", "a.css", "only.css"):
        (root / f"{name}.gz").write_bytes(gzip.compress(b"the copy of it " * 10, mtime=0))
    for path in root.iterdir():
        os.utime(path, (1_000_000_000, 1_000_000_000))


@pytest_twisted.ensureDeferred
async def test_same_compression(site: Site, tmp_path: Path) -> None:
    """What is compressed, and what heads say of it."""
    first, second, back = free_ports(3)
    write_files(tmp_path / "www")
    front = FRONT.replace("WWW", str(tmp_path / "www")).replace("BACK", str(back))
    site.http("access_log off;" + front.replace("PORT", str(second)))
    (tmp_path / "nginx" / "tmp").mkdir(parents=True)
    behind = BEHIND.replace("BACK", str(back)).replace("WWW", str(tmp_path / "www"))
    http = "proxy_http_version 1.1;" + front.replace("PORT", str(first)) + behind
    (tmp_path / "nginx" / "nginx.conf").write_text(CONFIGURATION.format(http=http))
    assert NGINX is not None
    nginx = subprocess.Popen([NGINX, "-p", str(tmp_path / "nginx"), "-c", "nginx.conf"])
    different = []
    try:
        await until(lambda: not is_free(first) and not is_free(back), "nginx")
        await site.proxy(*SAME_USER).listening(second)
        cases = [(case, "1.1") for case in CASES] + [((path, _GZIP), "1.0") for path in OLD.split()]
        for case, version in cases:
            ours, expected = await answer(second, case, version), await answer(first, case, version)
            if ours != expected:
                different.append((case, version, ours, expected))
    finally:
        nginx.terminate()
        await deferToThread(nginx.wait, BOUND)
    assert not different
