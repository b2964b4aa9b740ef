"""Makes ``twistd dyups`` known to Twisted."""

from twisted.application.service import ServiceMaker

dyups = ServiceMaker(
    "dyups",
    "dyups.tap",
    "A reverse proxy whose upstreams change at run time, on an nginx configuration.",
    "dyups",
)
