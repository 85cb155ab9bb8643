"""Addresses of stores and servers as they may be shown: without what lets anybody in.

An address is parsed, and only what can hold no secret is shown of it. One that is not as URLs are, such as one with an
`@` in its password, is not shown at all: nobody can tell where in it the password ends.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple
from urllib.parse import unquote, unquote_plus

NOT_SHOWN = "(not shown: it cannot be parsed)"
SPECIAL_LETTERS = "write @ : / ? # and % of a password as %40 %3A %2F %3F %23 and %25"
_HIDDEN = "***"
_SHORTEST = 4  # characters that are searched for in other texts; fewer stand in any text by chance

_SERVER = re.compile(
    r"(?P<scheme>[A-Za-z][A-Za-z0-9+.-]*)://"
    r"(?:(?P<user>[^:@/?#]*)(?P<password>:[^@/?#]*)?@)?"
    r"(?P<host>(?:[A-Za-z0-9._-]|%2[Ff])*|\[[0-9A-Fa-f:.]+\])(?P<port>:[0-9]{1,5})?"
    r"(?P<path>/(?:[\w./~+-]|%2[0Ff])*)?(?:\?(?P<query>[^#@]*))?"
)
# The name of a file may have any letter; one that looks as if it had a password stands in the place of a server.
_FILE = re.compile(
    r"(?P<scheme>sqlite(?:\+[a-z]+)?|file):(?P<path>/(?:(?!:[^?]*@)[^?]|/file:)*)(?:\?(?P<query>[^#@]*))?"
)
_PATH = re.compile(r"(?:~|\.{1,2})?/[\w./~ +-]*|databricks")
_NAME = re.compile(r"[\w.~+-]*")
_MODEL = re.compile(r"(models|runs):/.*")
_VALUE = re.compile(r"[\w.,/~+-]*")

_SHOWN_KEYS = frozenset(
    (
        *("application_name", "cache", "charset", "client_encoding", "connect_timeout", "dbname", "host", "immutable"),
        *("mode", "nolock", "port", "sslmode", "target_session_attrs", "timeout", "uri", "user"),
    )
)
_SECRET_KEYS = frozenset(
    ("access_key", "api_key", "key", "passwd", "password", "pwd", "secret", "secret_key", "sslpassword", "token")
)
_SECRET_VARIABLES = (
    *("PGPASSWORD", "MLFLOW_TRACKING_PASSWORD", "MLFLOW_TRACKING_TOKEN"),
    *("AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN"),
)
_ADDRESS_VARIABLES = (
    *("http_proxy", "https_proxy", "all_proxy", "HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"),
    *("AWS_ENDPOINT_URL", "AWS_ENDPOINT_URL_S3"),
)
_FRAME = re.compile(rf"^[a-z]+(?:\+[a-z]+)?:/*|\b(?:{'|'.join(sorted(_SHOWN_KEYS | _SECRET_KEYS))})\s*=", re.IGNORECASE)
_ADDRESS_OPTION = re.compile(r"--(?:opml-)?(?:store|mlflow)")
_SECRET_LIKE = re.compile(r"://|:.*@|passw|pwd=|secret|token=", re.IGNORECASE | re.DOTALL)


class Address(NamedTuple):
    """What may be said of an address.

    Attributes:
        shown: the address without its secrets, or that it is not shown.
        secrets: parts of it that no text may repeat.
        is_url: whether it could be parsed.
    """

    shown: str
    secrets: tuple[str, ...]
    is_url: bool


def read_address(text: str) -> Address:
    """Return what may be said of an address: a URL, or the path of a folder, which is shown where it looks like one."""
    parts = (_FILE.fullmatch(text) or _SERVER.fullmatch(text)) if text.isprintable() else None
    if parts is None:
        is_path = _PATH.fullmatch(text) is not None
        return Address(text if is_path else NOT_SHOWN, () if is_path else _all_of(text), is_url=False)
    shown, secrets = (f"{parts['scheme']}:{parts['path']}", []) if parts.re is _FILE else _server(parts)
    query, hidden = _query(parts["query"])
    return Address(f"{shown}{query}", (*secrets, *hidden), is_url=True)


def _all_of(text: str) -> tuple[str, ...]:
    """The whole text, and as it is read, but for the words that show what its parts are for."""
    return tuple(part for one in (text, unquote(text)) for part in _FRAME.split(one) if part)


def _server(parts: re.Match[str]) -> tuple[str, list[str]]:
    """What is shown of a URL up to its query, and what is not."""
    user, password, secrets = parts["user"], parts["password"], []
    if user and (not _NAME.fullmatch(user) or (parts["scheme"].startswith("http") and not password)):
        secrets += [user, unquote(user)]
        user = _HIDDEN
    if password:
        secrets += [password[1:], unquote(password[1:])]
    own = "" if user is None else f"{user}{f':{_HIDDEN}' if password else ''}@"
    rest = "".join(parts[name] or "" for name in ("host", "port", "path"))
    return f"{parts['scheme']}://{own}{rest}", secrets


def _query(query: str | None) -> tuple[str, list[str]]:
    """The parameters of a URL that may be shown, and the others as they are written and as they are read."""
    if query is None:
        return "", []
    shown, secrets, before = [], [], ""
    for parameter in query.split("&"):
        key, _, value = parameter.partition("=")
        if key in _SHOWN_KEYS and _VALUE.fullmatch(value):
            shown.append(parameter)
            before = ""
            continue
        is_plain = key in _SHOWN_KEYS or key.lower() in _SECRET_KEYS
        shown.append(f"{key}={_HIDDEN}" if is_plain else _HIDDEN)
        own = value if is_plain else parameter
        before = f"{before}&{own}" if before else own  # a password may have such a sign in it
        secrets += [before, unquote_plus(value)]
    return f"?{'&'.join(shown)}", secrets


def without_secrets(text: str, secrets: Iterable[str]) -> str:
    """Return what somebody else says, with ``***`` for each part that repeats four or more letters of a secret."""
    pieces = {secret[at : at + _SHORTEST].lower() for secret in secrets for at in range(len(secret) - _SHORTEST + 1)}
    if not pieces:
        return text
    # letter by letter, for lower case has more letters in some scripts
    lower = "".join(char.lower() if len(char.lower()) == 1 else char for char in text)
    hidden = [False] * len(text)
    for at in range(len(text) - _SHORTEST + 1):
        if lower[at : at + _SHORTEST] in pieces:
            hidden[at : at + _SHORTEST] = [True] * _SHORTEST
    return "".join(
        (_HIDDEN if not at or not hidden[at - 1] else "") if is_hidden else text[at]
        for at, is_hidden in enumerate(hidden)
    )


def environment_secrets(environment: Mapping[str, str] | None = None) -> tuple[str, ...]:
    """Return the passwords and tokens that drivers and clients take from the environment, those of proxies too."""
    variables = os.environ if environment is None else environment
    secrets = [variables[name] for name in _SECRET_VARIABLES if name in variables]
    for name in _ADDRESS_VARIABLES:
        secrets += read_address(variables[name]).secrets if "@" in variables.get(name, "") else ()
    return tuple(secrets)


def argument_secrets(arguments: Iterable[str]) -> tuple[str, ...]:
    """Return what no message may repeat of the arguments of a command."""
    return tuple(secret for _, address in _addresses(list(arguments)) if address for secret in address.secrets)


def shown_command(arguments: Sequence[str]) -> str:
    """Return the arguments of a command in one line, addresses without their secrets."""
    return " ".join(before + (address.shown if address else "") for before, address in _addresses(arguments))


def _addresses(arguments: Sequence[str]) -> list[tuple[str, Address | None]]:
    """Each argument as what may be shown, and the address behind that, where it is or has one."""
    parts: list[tuple[str, Address | None]] = []
    is_address = False
    for argument in arguments:
        option, sign, value = argument.partition("=") if argument.startswith("--") else ("", "", argument)
        wanted = is_address or (bool(sign) and _ADDRESS_OPTION.fullmatch(option) is not None)
        if value and value != "none" and (wanted or (_SECRET_LIKE.search(value) and not _MODEL.fullmatch(value))):
            parts.append((f"{option}{sign}", read_address(value)))
        else:
            parts.append((argument, None))
        is_address = _ADDRESS_OPTION.fullmatch(argument) is not None
    return parts
