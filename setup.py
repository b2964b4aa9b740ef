"""Compiles the hot modules with mypyc where a C compiler is there; everything else is in ``setup.cfg``.

The same typed sources run as they are where there is no compiler, or with ``DYUPS_COMPILE=0``; ``DYUPS_COMPILE=1``
makes a failure to compile an error.  An editable install is never compiled: an edit would have no effect.
"""

from __future__ import annotations

import os
import shutil
import sys
import tempfile

from setuptools import Extension, setup
from setuptools.command.build_ext import build_ext

HOT_MODULES = [
    "dyups/http1/fields.py",
    "dyups/http1/request.py",
    "dyups/http1/response.py",
    "dyups/http1/target.py",
    "dyups/http1/chunked.py",
    "dyups/balancing/base.py",
    "dyups/balancing/round_robin.py",
    "dyups/upstream/peer.py",
    "dyups/upstream/group.py",
    "dyups/proxy/exchange.py",
    "dyups/proxy/forward/requesthead.py",
    "dyups/proxy/serving.py",
    "dyups/proxy/deadlines.py",
    "dyups/proxy/plane.py",
    "dyups/proxy/rewrite/verdicts.py",
    "dyups/proxy/rewrite/steps.py",
    "dyups/proxy/passage.py",
    "dyups/proxy/route.py",
    "dyups/proxy/contents.py",
    "dyups/proxy/forward/forwards.py",
    "dyups/proxy/forward/plan.py",
    "dyups/proxy/forward/peerlink.py",
    "dyups/proxy/forward/pairing.py",
    "dyups/proxy/forward/relay.py",
    "dyups/proxy/forward/requestbody.py",
    "dyups/proxy/forward/attempt.py",
    "dyups/proxy/pace.py",
    "dyups/proxy/answering.py",
    "dyups/proxy/phases.py",
    "dyups/proxy/downstream.py",
]


# The gates check the types with Twisted's; here they would only tie the build to what happens to be installed.
MYPY_CONFIG = """
[mypy]
ignore_missing_imports = true
[mypy-twisted.*,zope.*]
follow_imports = skip
"""


def wanted() -> bool:
    """Shall the modules be compiled?"""
    choice = os.environ.get("DYUPS_COMPILE", "")
    if choice:
        return choice != "0"
    editable = any(
        word in ("develop", "editable_wheel", "egg_info", "dist_info", "sdist") for word in sys.argv
    )
    return not editable and any(shutil.which(name) for name in ("cc", "gcc", "clang"))


def extensions() -> list[Extension]:
    """The compiled modules, or none."""
    if not wanted():
        return []
    try:
        from mypyc.build import mypycify

        with tempfile.NamedTemporaryFile("w", suffix=".ini") as config:
            config.write(MYPY_CONFIG)
            config.flush()
            return mypycify([f"--config-file={config.name}", *HOT_MODULES], opt_level="3", debug_level="0")
    except (Exception, SystemExit) as error:
        if os.environ.get("DYUPS_COMPILE") == "1":
            raise
        print(f"dyups: not compiled: {error}", file=sys.stderr)
        return []


class OptionalBuild(build_ext):
    """A compiler that fails leaves the modules as they are."""

    def run(self) -> None:
        try:
            super().run()
        except Exception as error:
            if os.environ.get("DYUPS_COMPILE") == "1":
                raise
            print(f"dyups: not compiled: {error}", file=sys.stderr)
            self.extensions = []


setup(ext_modules=extensions(), cmdclass={"build_ext": OptionalBuild})
