"""Fixtures: a site of one's own, and what is open on the test's own side."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest_twisted

from tests.integration.running import Site
from tests.integration.talking import Workers
from tests.integration.wires import Wires


@pytest_twisted.async_yield_fixture()
async def site(tmp_path: Path) -> AsyncIterator[Site]:
    """An empty prefix; what was started on it is ended."""
    made = Site(tmp_path / "site")
    yield made
    await made.clean()


@pytest_twisted.async_yield_fixture()
async def wires() -> AsyncIterator[Wires]:
    """Clients and servers, all closed at the end."""
    made = Wires()
    yield made
    await made.close()


@pytest_twisted.async_yield_fixture()
async def workers(site: Site) -> AsyncIterator[Callable[..., Workers]]:
    """Makes sites with workers; their connections are closed at the end."""
    made: list[Workers] = []

    def make(*arguments: str, **options: str) -> Workers:
        made.append(Workers(site, *arguments, **options))
        return made[-1]

    yield make
    for one in made:
        one.close()
