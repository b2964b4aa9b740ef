"""Rise and fall: whether a server is up, from the outcomes of its checks (``ngx_http_upstream_check_status_update``).

Pure; ``target`` has one for each server.
"""

from __future__ import annotations

from dyups.config.checks import CheckSpec


class Verdict:
    """What is known of one server.

    ``rises`` and ``falls`` count good and failed checks in a row; one of the two is 0 at any time.
    """

    __slots__ = ("down", "falls", "rises")

    def __init__(self, down: bool) -> None:
        self.down = down
        self.rises = 0
        self.falls = 0

    def __repr__(self) -> str:
        return f"<Verdict {'down' if self.down else 'up'} rises={self.rises} falls={self.falls}>"

    def note(self, good: bool, check: CheckSpec) -> bool:
        """Count the outcome of a check; True where the server goes up or down by it."""
        if good:
            self.rises += 1
            self.falls = 0
            turned = self.down and self.rises >= check.rise
        else:
            self.falls += 1
            self.rises = 0
            turned = not self.down and self.falls >= check.fall
        if turned:
            self.down = not self.down
        return turned
