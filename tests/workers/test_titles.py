"""Tests of dyups.workers.titles."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from dyups.workers import titles


class TitleTests(SynchronousTestCase):
    """What ``ps`` shows."""

    def test_master(self) -> None:
        """The master's title has the command that started it."""
        title = titles.master_title(["/bin/twistd", "dyups", "--config", "nginx.conf"])
        self.assertEqual(title, "dyups: master process /bin/twistd dyups --config nginx.conf")

    def test_shown(self) -> None:
        """The title becomes the process's."""
        shown: list[str] = []
        self.patch(titles, "setproctitle", shown.append)
        titles.show(titles.WORKER)
        titles.show(titles.SHUTTING_DOWN)
        self.assertEqual(shown, ["dyups: worker process", "dyups: worker process is shutting down"])
