"""One server at a time: the commands of a ``PATCH``, applied to an upstream.

    add server ADDR [PARAMETER …];      a server that is not there yet, behind the others
    set server ADDR PARAMETER …;        those parameters, the others stay; NAME=off takes a flag away
    drain server ADDR;                  the same as set server ADDR drain;
    remove server ADDR;                 it is gone

Commands work on words, one after the other, and only what comes out is read as an upstream is read: so a parameter
means here what it means in a body, whatever parameters there are, and what is wrong only in between does not matter.
An address that stands more than once is meant every time.  ``control.reading`` calls :func:`patched`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field

from dyups.config.lexer import quote, statements
from dyups.config.model import UpstreamSpec
from dyups.config.upstreams import parse_commands, print_server
from dyups.config.values import parse_server_address
from dyups.errors import ConfigError
from dyups.interfaces import VariableTable

#: Parameters that have no value: they are there or not.
FLAGS = frozenset({"backup", "down", "drain", "resolve"})

_Key = tuple[str, int, str]


def patched(spec: UpstreamSpec, text: str, variables: VariableTable) -> UpstreamSpec:
    """The upstream that the commands of ``text`` make of ``spec``.

    Raises ConfigError, with the line of the command that is to blame.
    """
    draft = _Draft(spec.name)
    for server in spec.servers:
        draft.append(_Server(_words_of(print_server(server))))
    for words, line in _commands(text):
        draft.line = line
        draft.do(words)
    body, lines = draft.written(spec.commands)
    try:
        return parse_commands(spec.name, body, variables)
    except ConfigError as error:
        blamed = lines[error.line - 1] if 0 < error.line <= len(lines) else 0
        raise ConfigError(error.message, line=blamed or draft.line) from None


def _commands(text: str) -> Iterator[tuple[tuple[str, ...], int]]:
    found = False
    for words, end, line, end_line in statements(text):
        if end != ";":
            raise ConfigError(f'unexpected "{end}"', line=end_line)
        found = True
        yield words, line
    if not found:
        raise ConfigError("no commands", line=1)


def _words_of(server: str) -> list[str]:
    return [*next(statements(f"{server};")).words[1:]]


@dataclass(slots=True)
class _Server:
    """A server while it is changed: the words behind ``server``, and the line that changed it last, 0 for none."""

    words: list[str]
    line: int = 0
    gone: bool = False

    def set(self, parameter: str) -> None:
        """Put ``parameter`` in the place of the one that it replaces, or behind the others."""
        name, equals, value = parameter.partition("=")
        if name in FLAGS and equals:
            if value not in ("on", "off"):
                raise ConfigError(f'invalid parameter "{parameter}"')
            self.words[1:] = [word for word in self.words[1:] if word != name]
            parameter = name if value == "on" else ""
        same = [at for at, word in enumerate(self.words) if at and word.partition("=")[:2] == (name, equals)]
        if same:
            self.words[same[0]] = parameter
        elif parameter and parameter not in self.words[1:]:
            self.words.append(parameter)


def _key(address: str) -> _Key:
    """What makes two addresses the same, however they are written.  Raises ConfigError."""
    host, port, path = parse_server_address(address)
    return host.lower(), port, path


@dataclass(slots=True)
class _Draft:
    """An upstream while commands are applied; ``line`` is that of the command under way.

    A command costs the same however many servers there are.
    """

    name: str
    line: int = 0
    _servers: list[_Server] = field(default_factory=list)
    """In order, those that are gone too."""
    _places: dict[_Key, list[_Server]] = field(default_factory=dict)
    _verbs: dict[str, Callable[[list[str]], None]] = field(init=False)

    def __post_init__(self) -> None:
        self._verbs = {"add": self._add, "set": self._set, "drain": self._drain, "remove": self._remove}

    def append(self, server: _Server) -> None:
        """One server more.  Raises ConfigError."""
        self._places.setdefault(_key(server.words[0]), []).append(server)
        self._servers.append(server)

    def do(self, words: Sequence[str]) -> None:
        """One command."""
        verb = self._verbs.get(words[0])
        if verb is None or words[1:2] != ("server",):
            command = " ".join(words[:2])
            raise self._error(f'unknown command "{command}", not one of add, set, drain, remove server')
        if len(words) < 3:
            raise self._error(f'no address in "{words[0]} server"')
        try:
            verb([*words[2:]])
        except ConfigError as error:
            raise self._error(error.message) from None

    def _add(self, words: list[str]) -> None:
        if _key(words[0]) in self._places:
            raise ConfigError(f'server "{words[0]}" is there already in upstream "{self.name}"')
        self.append(_Server(words, self.line))

    def _set(self, words: list[str]) -> None:
        if len(words) < 2:
            raise ConfigError('no parameters in "set server"')
        for server in self._found(words[0]):
            server.line = self.line
            for parameter in words[1:]:
                server.set(parameter)

    def _drain(self, words: list[str]) -> None:
        self._alone(words, "drain")
        self._set([words[0], "drain"])

    def _remove(self, words: list[str]) -> None:
        self._alone(words, "remove")
        for server in self._found(words[0]):
            server.gone = True
        del self._places[_key(words[0])]

    def _alone(self, words: list[str], verb: str) -> None:
        if len(words) > 1:
            raise ConfigError(f'invalid parameter "{words[1]}" in "{verb} server"')

    def _found(self, address: str) -> list[_Server]:
        found = self._places.get(_key(address))
        if found is None:
            raise ConfigError(f'no server "{address}" in upstream "{self.name}"')
        return found

    def _error(self, message: str) -> ConfigError:
        return ConfigError(message, line=self.line)

    def written(self, commands: Sequence[str]) -> tuple[str, list[int]]:
        """The body that says it, and for each of its lines the line of the command that made it, 0 for none."""
        pieces = [(command, 0) for command in commands]
        for server in self._servers:
            if not server.gone:
                pieces.append((f"server {' '.join(map(quote, server.words))};", server.line))
        lines = [line for piece, line in pieces for _ in range(piece.count("\n") + 1)]
        return "".join(f"{piece}\n" for piece, _ in pieces), lines
