"""What becomes of requests' bodies besides being passed on, frozen: ``client_body_in_file_only`` and where files go.

A family of ``model.LocationSettings``; field names are nginx's directive names.  ``directives/bodies`` fills it,
``proxy.files.bodyfiles`` makes a phase of it.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class TempPath:
    """A folder for temporary files, and folders below it."""

    folder: str
    """Absolute."""
    levels: tuple[int, ...] = ()
    """How many of the last digits of a file's number each folder below has for a name."""

    def place(self, number: int) -> str:
        """The file of that number (``ngx_create_hashed_filename``)."""
        name = f"{number:010}"
        parts, end = [self.folder], len(name)
        for size in self.levels:
            parts.append(name[end - size : end])
            end -= size
        return "/".join((*parts, name))


@dataclass(frozen=True, slots=True)
class BodySettings:
    """What may be said of bodies per location."""

    client_body_in_file_only: str = "off"
    """``on`` keeps the files, ``clean`` does not."""
    client_body_temp_path: TempPath | None = None
    """The build supplies ``client_body_temp`` below the prefix."""
