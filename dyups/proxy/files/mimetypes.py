"""Content types by the extension of a path: ``types`` and ``default_type`` (``ngx_http_set_content_type``).

Called by what answers by itself: plain files, ``return`` and ``echo``.
"""

from __future__ import annotations

from dyups.config.model import LocationSettings
from dyups.config.parser import encode

#: What nginx knows where no ``types`` are said.
USUAL = {b"html": b"text/html", b"gif": b"image/gif", b"jpg": b"image/jpeg"}


def type_of(settings: LocationSettings, path: bytes) -> bytes:
    """The type of what is at ``path``; a name that begins with its only dot has no extension."""
    name, dot, extension = path.rpartition(b"/")[2].rpartition(b".")
    if dot and name:
        types = settings.files.types
        found = (USUAL if types is None else types).get(extension.lower())
        if found is not None:
            return found
    return encode(settings.default_type)
