"""The frozen settings of routing, files and answers."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from dyups.config.routing import AnswerSettings
from tests.config.helpers import location_of, server_of


class DefaultTests(SynchronousTestCase):
    """What holds where nothing is said."""

    def test_defaults(self) -> None:
        """A location has nginx's defaults; files are below ``html`` of the prefix."""
        settings = location_of("").settings
        self.assertEqual(settings.answers, AnswerSettings())
        root = settings.files.root
        assert root is not None
        self.assertEqual(root.constant, b"/srv/dyups/html")
        self.assertEqual((settings.files.alias, settings.files.index, settings.files.types), (-1, (), None))

    def test_inherited(self) -> None:
        """Inside holds what is said outside; ``try_files`` is for its own block alone."""
        server = server_of(
            "root /r; try_files $uri =404; etag off; location / { error_page 404 /x; location /a { } }"
        )
        inner = server.locations[0].locations[0].settings
        self.assertIsNotNone(server.settings.files.try_files)
        self.assertIsNone(inner.files.try_files)
        self.assertEqual([page.statuses for page in inner.answers.error_page], [(404,)])
        self.assertIs(inner.files.etag, False)
