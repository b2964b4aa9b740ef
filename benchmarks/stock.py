"""Two reverse proxies as one would write them first: ``python -m benchmarks.stock twisted|aiohttp PORT BACKEND-PORT``.

For orientation in the tables; neither is what dyups is made of.
"""

from __future__ import annotations

import sys
from typing import Any


def serve_twisted(port: int, backend: int) -> None:
    """``twisted.web.proxy.ReverseProxyResource``, as its documentation shows it."""
    from twisted.internet import reactor
    from twisted.web.proxy import ReverseProxyResource
    from twisted.web.server import Site

    running: Any = reactor
    running.listenTCP(
        port, Site(ReverseProxyResource("127.0.0.1", backend, b"")), backlog=4096, interface="127.0.0.1"
    )
    running.run()


def serve_aiohttp(port: int, backend: int) -> None:
    """An aiohttp application that passes everything on with an aiohttp client session."""
    from aiohttp import ClientSession, TCPConnector, web

    async def session(app: web.Application) -> Any:
        async with ClientSession(connector=TCPConnector(limit=0), auto_decompress=False) as made:
            app["session"] = made
            yield

    async def forward(request: web.Request) -> web.StreamResponse:
        url = f"http://127.0.0.1:{backend}{request.rel_url}"
        body = request.content if request.can_read_body else None
        async with request.app["session"].request(request.method, url, data=body) as answer:
            response = web.StreamResponse(status=answer.status)
            if answer.content_length is not None:
                response.content_length = answer.content_length
            await response.prepare(request)
            async for piece in answer.content.iter_any():
                await response.write(piece)
            await response.write_eof()
            return response

    app = web.Application(client_max_size=1 << 30)
    app.cleanup_ctx.append(session)
    app.router.add_route("*", "/{path:.*}", forward)
    web.run_app(app, host="127.0.0.1", port=port, access_log=None, print=None, backlog=4096)


if __name__ == "__main__":
    {"twisted": serve_twisted, "aiohttp": serve_aiohttp}[sys.argv[1]](int(sys.argv[2]), int(sys.argv[3]))
