"""``twistd --reactor dyups-uvloop`` and ``trial --reactor dyups-uvloop``; importing this needs no uvloop."""

from twisted.application.reactors import Reactor

dyups_uvloop = Reactor(
    "dyups-uvloop",
    "dyups.net.reactor",
    "uvloop's event loop and transports, for every Twisted protocol",
)
