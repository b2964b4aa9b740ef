"""The shape of the project: tests beside sources, small files, short functions, the plugin folders."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

from twisted.trial.unittest import SynchronousTestCase

CHECKOUT = Path(__file__).resolve().parents[1]
LONGEST_FILE = 400
LONGEST_FUNCTION = 60


def python_files(*folders: str) -> Iterator[Path]:
    """Every Python file of these folders of the checkout."""
    for folder in folders:
        yield from sorted((CHECKOUT / folder).rglob("*.py"))


def functions(path: Path) -> Iterator[ast.FunctionDef | ast.AsyncFunctionDef]:
    """Every function of a file, inner ones too."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            yield node


class LayoutTests(SynchronousTestCase):
    """What every contributor may rely on."""

    maxDiff = None

    def test_every_source_has_its_tests(self) -> None:
        """dyups/a/b.py is tested by tests/a/test_b.py; there is no exception."""
        missing = []
        for path in python_files("dyups"):
            inside = path.relative_to(CHECKOUT / "dyups")
            if inside.name == "__init__.py":
                continue
            test = Path("tests") / inside.with_name(f"test_{inside.name.lstrip('_')}")
            if not (CHECKOUT / test).exists():
                missing.append(str(test))
        self.assertEqual(missing, [])

    def test_no_file_is_long(self) -> None:
        """Nobody has to read more than 400 lines at a time, tests included."""
        long = {
            str(path.relative_to(CHECKOUT)): length
            for path in python_files("dyups", "twisted", "tests")
            if (length := len(path.read_text(encoding="utf-8").splitlines())) > LONGEST_FILE
        }
        self.assertEqual(long, {})

    def test_no_function_is_long(self) -> None:
        """A function is one page at most."""
        long = {
            f"{path.relative_to(CHECKOUT)}:{function.name}": length
            for path in python_files("dyups", "twisted", "tests")
            for function in functions(path)
            if (length := (function.end_lineno or 0) - function.lineno + 1) > LONGEST_FUNCTION
        }
        self.assertEqual(long, {})

    def test_every_module_says_what_it_is_for(self) -> None:
        """Each source file begins with a docstring."""
        silent = [
            str(path.relative_to(CHECKOUT))
            for path in python_files("dyups", "twisted")
            if ast.get_docstring(ast.parse(path.read_text(encoding="utf-8"))) is None
        ]
        self.assertEqual(silent, [])

    def test_the_plugin_folders_are_no_packages(self) -> None:
        """An ``__init__.py`` there would hide Twisted itself from everybody."""
        self.assertEqual([str(path) for path in (CHECKOUT / "twisted").rglob("__init__.py")], [])

    def test_an_editable_install_shows_the_plugin(self) -> None:
        """``package_dir`` names the checkout itself; without it twistd would not find the command."""
        lines = (CHECKOUT / "setup.cfg").read_text(encoding="utf-8").splitlines()
        self.assertEqual(lines[lines.index("package_dir =") + 1], "    = .")
