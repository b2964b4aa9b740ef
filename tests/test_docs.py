"""The documentation says what is there: files, links, variables, configurations."""

from __future__ import annotations

import io
import re
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any, ClassVar

from docutils import nodes
from docutils.core import publish_doctree
from docutils.parsers.rst import roles
from twisted.trial.unittest import SynchronousTestCase

from dyups.config.build import load
from dyups.config.model import Settings
from dyups.proxy import answervariables, variables
from dyups.proxy.secure import tlsvariables

ROOT = Path(__file__).resolve().parent.parent
PAGES = sorted([*ROOT.glob("*.rst"), *ROOT.glob("docs/*.rst"), *ROOT.glob("newsfragments/*.rst")])
EXPECTED = {
    *("CHANGELOG.rst", "CONTRIBUTING.rst", "README.rst", "newsfragments/README.rst"),
    *("docs/admin-interface.rst", "docs/architecture.rst", "docs/differences.rst", "docs/directives.rst"),
    *(
        "docs/index.rst",
        "docs/persistence.rst",
        "docs/reactor.rst",
        "docs/supported.rst",
        "docs/tutorial.rst",
    ),
    "docs/dyups-ctl.rst",
    "docs/python-api.rst",
    "docs/variables.rst",
    "docs/workers.rst",
}
#: How a block of configuration begins, and what has to stand around it to make a file.
WRAPPINGS = {
    "server {": "events {{ }} http {{ {} }}",
    "upstream ": "events {{ }} http {{ {} }}",
    "location ": "events {{ }} http {{ server {{ {} }} }}",
    "http {": "events {{ }} {}",
}
_VARIABLE = re.compile(r"\$([A-Za-z_][A-Za-z0-9_]*)")


def _doc_role(name: str, raw: str, text: str, line: int, inliner: Any, *rest: Any) -> Any:
    """Sphinx's ``:doc:``: a link to another page of the same folder."""
    return [nodes.reference(raw, text, refuri=f"{text}.rst")], []


class Page:
    """One page, read once."""

    _known: ClassVar[dict[Path, Page]] = {}

    def __init__(self, path: Path) -> None:
        roles.register_local_role("doc", _doc_role)
        self.path = path
        self.complaints = io.StringIO()
        settings = {"warning_stream": self.complaints, "syntax_highlight": "none", "report_level": 2}
        text = path.read_text(encoding="utf-8")
        self.tree = publish_doctree(text, source_path=str(path), settings_overrides=settings)

    @classmethod
    def of(cls, path: Path) -> Page:
        """The page at ``path``."""
        if path not in cls._known:
            cls._known[path] = cls(path)
        return cls._known[path]

    def links(self) -> Iterator[str]:
        """Where the links of the page lead."""
        for reference in self.tree.findall(nodes.reference):
            if "refuri" in reference:
                yield reference["refuri"]

    def blocks(self) -> Iterator[str]:
        """The literal blocks."""
        for block in self.tree.findall(nodes.literal_block):
            yield block.astext()

    def terms(self) -> Iterator[str]:
        """The terms of definition lists."""
        for term in self.tree.findall(nodes.term):
            yield term.astext()


class PagesTests(SynchronousTestCase):
    """Each page on its own, and their links."""

    def test_exist(self) -> None:
        """The pages that others link to are there."""
        self.assertEqual(EXPECTED - {str(page.relative_to(ROOT)) for page in PAGES}, set())

    def test_well_formed(self) -> None:
        """docutils has nothing to complain of."""
        complaints = {str(page): Page.of(page).complaints.getvalue() for page in PAGES}
        self.assertEqual({name: text for name, text in complaints.items() if text}, {})

    def test_links(self) -> None:
        """A link within the project leads to a file that is there."""
        broken = [
            f"{page.relative_to(ROOT)}: {link}"
            for page in PAGES
            for link in Page.of(page).links()
            if "://" not in link and not (page.parent / link.partition("#")[0]).exists()
        ]
        self.assertEqual(broken, [])

    def test_index_names_every_page(self) -> None:
        """Whoever begins at the index finds every page."""
        linked = set(Page.of(ROOT / "docs" / "index.rst").links())
        pages = {page.name for page in PAGES if page.parent.name == "docs"}
        self.assertEqual(pages - linked - {"index.rst"}, set())

    def test_licence_is_whole(self) -> None:
        """The licence is the text of Apache 2.0 from its title to its appendix."""
        text = (ROOT / "LICENSE").read_text(encoding="utf-8")
        for words in ("Version 2.0, January 2004", "END OF TERMS AND CONDITIONS", "APPENDIX: How to apply"):
            self.assertIn(words, text)

    def test_news_fragments(self) -> None:
        """A fragment is named after its issue and one of the types that the README of the folder lists."""
        types = set(Page.of(ROOT / "newsfragments" / "README.rst").terms())
        for page in (ROOT / "newsfragments").glob("[0-9]*"):
            found = re.fullmatch(r"[0-9]+\.([a-z]+)(\.[0-9]+)?\.rst", page.name)
            self.assertTrue(found and found[1] in types, page.name)


class FloorsTests(SynchronousTestCase):
    """The floors as they are drawn, against those that import-linter enforces."""

    def enforced(self) -> list[list[str]]:
        """The layers of ``pyproject.toml``, from the top; those on one line in alphabetical order."""
        text = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
        layers = text.partition("\nlayers = [")[2].partition("]")[0]
        return [sorted(line.split(" | ")) for line in re.findall(r'"([^"]+)"', layers)]

    def drawn(self, page: str) -> list[list[str]]:
        """The floors that ``page`` draws: a line that begins with a bar goes on with the floor above it."""
        found = [block for block in Page.of(ROOT / page).blocks() if block.startswith("command ")]
        self.assertEqual(len(found), 1)
        floors: list[list[str]] = []
        for line in found[0].splitlines():
            left = re.split(" {3,}", line)[0]
            names = re.findall(r"[a-z0-9_]+", left)
            if left.startswith("|"):
                floors[-1] += names
            elif "," in left:
                floors += [[name] for name in names]
            else:
                floors.append(names)
        return [sorted(names) for names in floors]

    def test_drawn_as_enforced(self) -> None:
        """README and architecture page draw the floors that the test run checks."""
        for page in ("README.rst", "docs/architecture.rst"):
            self.assertEqual(self.drawn(page), self.enforced(), page)


class VariablesTests(SynchronousTestCase):
    """``docs/variables.rst`` against ``dyups.proxy.variables``."""

    def setUp(self) -> None:
        """The names in the terms, families as ``http_NAME``."""
        terms = " ".join(Page.of(ROOT / "docs" / "variables.rst").terms())
        self.documented = set(_VARIABLE.findall(terms.replace("set $name value;", "")))

    def test_documented_exist(self) -> None:
        """Every documented variable can be used."""
        table = variables.ProxyVariables()
        missing = [name for name in self.documented if table.lookup(name.replace("NAME", "x")) is None]
        self.assertEqual(missing, [])

    def test_existing_are_documented(self) -> None:
        """Every variable that can be used is documented."""
        families = {f"{prefix}NAME" for prefix in variables._FAMILIES}
        existing = {
            *variables._PLAIN,
            *variables._PER_ATTEMPT,
            *tlsvariables.GETTERS,
            *answervariables.GETTERS,
            *families,
        }
        self.assertEqual(existing - self.documented, set())


class ConfigurationsTests(SynchronousTestCase):
    """The configurations in the pages."""

    def load(self, text: str) -> Settings:
        """The settings of ``text`` as a file beside the example's ``upstream.conf``."""
        folder = Path(self.mktemp()) / "conf"
        folder.mkdir(parents=True)
        shutil.copy(ROOT / "conf" / "upstream.conf", folder)
        (folder / "nginx.conf").write_text(text, encoding="utf-8")
        return load(str(folder / "nginx.conf"), variables=variables.ProxyVariables())

    def test_load(self) -> None:
        """Every configuration that is not cut short (``...``) is a good one, a fragment within what is around it."""
        loaded = 0
        for page in PAGES:
            for text in configurations(page):
                settings = self.load(text)
                self.assertIsNotNone(settings.http, f"{page.name}: {text}")
                loaded += 1
        self.assertGreaterEqual(loaded, 4)

    def test_example_is_the_real_one(self) -> None:
        """The tutorial shows ``conf/nginx.conf`` as it is."""
        text = (ROOT / "conf" / "nginx.conf").read_text(encoding="utf-8").strip()
        self.assertIn(text, [block.strip() for block in Page.of(ROOT / "docs" / "tutorial.rst").blocks()])


def configurations(page: Path) -> Iterator[str]:
    """The blocks of ``page`` that are configurations, as whole files."""
    for block in Page.of(page).blocks():
        if "..." in block:
            continue
        if re.search(r"^events\b", block, re.MULTILINE) and re.search(r"^http\b", block, re.MULTILINE):
            yield block
            continue
        for start, wrapping in WRAPPINGS.items():
            if block.startswith(start) and block.rstrip().endswith("}"):
                yield wrapping.format(block)
