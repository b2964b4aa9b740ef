"""``types``, ``alias`` and ``try_files``, as they are read."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from dyups.config.routing import WHOLE
from tests.config.helpers import location_of, message_of, server_of


class FileTests(SynchronousTestCase):
    """What needs more than its own words."""

    def test_types(self) -> None:
        """Blocks side by side add up; one inside takes the place of those around it."""
        server = server_of(
            "types { a/b x Y; } types { c/d z; } location / { types { e/f x; } } location /n { types {} }"
        )
        self.assertEqual(server.settings.files.types, {b"x": b"a/b", b"y": b"a/b", b"z": b"c/d"})
        self.assertEqual([item.settings.files.types for item in server.locations], [{b"x": b"e/f"}, {}])

    def test_alias(self) -> None:
        """An alias knows how much of the path it stands for; inside it holds too, wherever it is written."""
        server = server_of(
            "location /a/ { location /a/b { } alias x/; } location ~ a { alias /y; } location /r { root /z; }"
        )
        found = [item.settings.files for item in (*server.locations, server.locations[0].locations[0])]
        self.assertEqual([files.alias for files in found], [3, WHOLE, -1, 3])
        self.assertEqual(
            [files.root and files.root.constant for files in found[:2]], [b"/srv/dyups/x/", b"/y"]
        )

    def test_try_files(self) -> None:
        """Files and folders in order, then a status or a way."""
        found = location_of("try_files $uri $uri/ /x =404;").settings.files.try_files
        assert found is not None
        names = [(template.source, folder) for template, folder in found.candidates]
        self.assertEqual((names, found.status), ([("$uri", False), ("$uri", True), ("/x", False)], 404))
        found = location_of("try_files a @b;").settings.files.try_files
        assert found is not None
        self.assertEqual((found.fallback.source, found.status), ("@b", 0))

    def test_mistakes(self) -> None:
        """Mistakes are told in nginx's words, with their place."""
        for text, error in (
            ("try_files a;", 'invalid number of arguments in "try_files" directive in conf/nginx.conf:5'),
            ("try_files a =x;", 'invalid code "x" in conf/nginx.conf:5'),
            ("try_files a =1000;", 'invalid code "1000" in conf/nginx.conf:5'),
            ("types { a { b c; } }", 'unexpected "{" in conf/nginx.conf:5'),
            ("alias $nosuch;", 'unknown "nosuch" variable in conf/nginx.conf:5'),
        ):
            self.assertEqual(message_of(self, location_of, text), error)
        error = 'the "alias" directive cannot be used inside the named location in conf/nginx.conf:4'
        self.assertEqual(message_of(self, server_of, "location @a { alias /x; }"), error)
