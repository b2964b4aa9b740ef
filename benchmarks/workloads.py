"""What is asked for, as data: workloads (a) to (e) and (g), each one ``wrk`` run per subject and round."""

from __future__ import annotations

from dataclasses import dataclass

from benchmarks.load import Load
from benchmarks.nginxconf import NAMES

_UPLOAD = 'wrk.method = "POST"\nwrk.body = string.rep("x", 1048576)\n'

# The requests are built before the first one is sent; drawing one is a look-up.
_NAMES_AT_RANDOM = f"""
local requests = {{}}
init = function(args)
  math.randomseed(20)
  for i = 0, {len(NAMES) - 1} do
    requests[i + 1] = wrk.format("GET", nil, {{ ["Host"] = "host" .. i .. ".example" }})
  end
end
request = function() return requests[math.random(#requests)] end
"""


# What a browser sends, and no two heads alike: a proxy that remembers heads gains nothing here.
_AS_BROWSERS = """
local number = 0
wrk.headers["User-Agent"] = "Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0"
wrk.headers["Accept"] = "*/*"
wrk.headers["Accept-Language"] = "en-US,en;q=0.5"
wrk.headers["Accept-Encoding"] = "gzip, deflate"
wrk.headers["Connection"] = "keep-alive"
wrk.headers["Referer"] = "http://backend/index.html"
wrk.headers["Cookie"] = "session=0123456789abcdef0123456789abcdef"
request = function()
  number = number + 1
  return wrk.format("GET", "/small?number=" .. number)
end
"""


@dataclass(frozen=True)
class Workload:
    """One kind of request, repeated."""

    key: str
    title: str
    load: Load
    by_host: bool = False
    """A thousand upstreams, chosen by ``Host``."""
    main: bool = False
    """One of those that every proxy is asked; see :class:`~benchmarks.subjects.Standing`."""


WORKLOADS: tuple[Workload, ...] = (
    Workload("a32", "(a) small GET, 32 connections", Load(), main=True),
    Workload("a256", "(a) small GET, 256 connections", Load(connections=256)),
    Workload(
        "a32b", "(a) small GET as browsers ask, no two heads alike, 32 connections", Load(script=_AS_BROWSERS)
    ),
    Workload("b64k", "(b) responses of 64 KiB", Load("/64k"), main=True),
    Workload("b1m", "(b) responses of 1 MiB", Load("/1m")),
    Workload("c1m", "(c) uploads of 1 MiB", Load("/upload", script=_UPLOAD)),
    Workload("d8k", "(d) chunked responses of 8 KiB", Load("/chunked")),
    Workload("e", "(e) a new connection per request", Load(headers=("Connection: close",)), main=True),
    Workload("g", "(g) 1,000 upstreams, names at random", Load(script=_NAMES_AT_RANDOM), by_host=True),
)
#: Those that are more than one kind of request have modules of their own.
OTHERS = {
    "f": "(f) idle keep-alive connections beside load",
    "h": "(h) changes with many upstreams present, and restart",
    "i": "(i) load while upstreams change",
}
