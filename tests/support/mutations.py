"""What may happen to a file, the same each time for the same seed: to its bytes, its lines, and what its JSON says."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from copy import deepcopy
from hashlib import sha256
from random import Random
from typing import Any

HOSTILE: tuple[Any, ...] = (
    None,
    True,
    0,
    -1,
    2**31,
    2**63,
    10**400,
    -(10**400),
    0.0,
    5e-324,
    1.7e308,
    float("nan"),
    float("inf"),
    float("-inf"),
    "",
    "\0",
    "a\0b",
    "\ud800",
    "\udfff\ud800",
    "two\nlines\r\x85\u2028\x1b[31m",
    "ü" * 3_000,
    "\U0010ffff",
    "1",
    "NaN",
    "0001-01-01T00:00:00+14:00",
    "9999-12-31T23:59:59.999999-14:00",
    "0001-01-01T00:00:00Z",
    "9999-12-31T23:59:59Z",
    "2026-02-30T00:00:00Z",
    "2026-01-02T03:04:05+99:99",
    "2026-01-02T03:04:05+23:59:59.999999",
    "2026-01-02T03:04:05",
    "-292277022657-01-27T08:29:52Z",
    1e300,
    253402300800,
    [],
    {},
    [[]],
    {"": None},
    {"two\nnames": 1},
)
"""What a field might hold in place of what it should."""

_WORDS = (
    b"NaN",
    b"-Infinity",
    b"1e999",
    b"9" * 5_000,
    b"-0",
    b"\\ud800",
    b"\\u0000",
    b"\xff\xfe",
    b"\xc0\x80",
    b"\xed\xa0\x80",
)


def deep(depth: int) -> Any:
    """A list in a list in a list."""
    nested: Any = []
    for _ in range(depth):
        nested = [nested]
    return nested


def mutate_bytes(data: bytes, seed: int) -> bytes:
    """The content of a file after one to three accidents.

    Args:
        data: of any file; of JSON, or lines of it, also what it says is changed.
        seed: the same gives the same.
    """
    random = Random(seed)
    for _ in range(random.choice((1, 1, 1, 2, 3))):
        data = random.choice(_ACCIDENTS)(data, random)
    return data


# --- to bytes and lines


def _flip(data: bytes, random: Random) -> bytes:
    changed = bytearray(data)
    for _ in range(min(len(data), random.choice((1, 1, 4, 64)))):
        changed[random.randrange(len(data))] ^= 1 << random.randrange(8)
    return bytes(changed)


def _cut(data: bytes, random: Random) -> bytes:
    return data[: random.randrange(len(data) + 1)]


def _overwrite(data: bytes, random: Random) -> bytes:
    start = random.randrange(len(data) + 1)
    length = random.choice((1, 16, 512, 4096))
    fill = random.choice((b"\0", b"\xff", b" ", b'"', b"["))
    return data[:start] + fill * min(length, len(data) - start) + data[start + length :]


def _insert(data: bytes, random: Random) -> bytes:
    start = random.randrange(len(data) + 1)
    return data[:start] + random.choice(_WORDS) + data[start:]


def _move(data: bytes, random: Random) -> bytes:
    """Pieces of the size of a page, or of less, change places."""
    size = random.choice((7, 4096))
    pieces = [data[at : at + size] for at in range(0, len(data), size)]
    if len(pieces) > 1:
        first, second = random.sample(range(len(pieces)), 2)
        pieces[first], pieces[second] = pieces[second], pieces[first]
    return b"".join(pieces)


def _lines(data: bytes, random: Random) -> bytes:
    lines = data.splitlines(keepends=True) or [b""]
    at = random.randrange(len(lines))
    what = random.choice(("twice", "gone", "swapped", "joined"))
    if what == "twice":
        lines.insert(at, lines[random.randrange(len(lines))])
    elif what == "gone":
        del lines[at]
    elif what == "swapped":
        partner = random.randrange(len(lines))
        lines[at], lines[partner] = lines[partner], lines[at]
    else:
        lines[at] = lines[at].rstrip()
    return b"".join(lines)


def resealed(export: bytes) -> bytes:
    """An export whose last line says that its lines are as they were written; others as they are."""
    lines = export.splitlines()
    try:
        end = json.loads(lines[-1])["end"]
        end["sha256"] = sha256(b"".join(line + b"\n" for line in lines[:-1])).hexdigest()
    except (ValueError, LookupError, TypeError, RecursionError):
        return export
    return b"\n".join([*lines[:-1], as_json({"end": end})])


# --- to what JSON says


def _document(data: bytes, random: Random) -> bytes:
    """One document of the file says something else; bytes that hold none are flipped."""
    pieces = [data] if random.random() < 0.5 else data.splitlines()
    at = random.randrange(len(pieces)) if pieces else 0
    try:
        document = json.loads(pieces[at])
    except (ValueError, IndexError, RecursionError):
        return _flip(data, random)
    if not isinstance(document, dict | list):
        return _flip(data, random)
    pieces[at] = as_json(changed(document, random))
    return b"\n".join(pieces)


def as_json(document: Any) -> bytes:
    """As a careless program writes it: with NaN, and with lone surrogates, escaped or in bytes that are no UTF-8."""
    return json.dumps(document).encode()


def places(document: Any) -> Iterator[tuple[Any, Any]]:
    """Each container within a document, however deep, with each of its keys."""
    containers = [document]
    while containers:
        container = containers.pop()
        for key in list(container) if isinstance(container, dict) else range(len(container)):
            yield container, key
            if isinstance(container[key], dict | list):
                containers.append(container[key])


def changed(document: Any, random: Random) -> Any:
    """A document of which one to three values are others, gone, doubled, swapped, or under another name."""
    for _ in range(random.choice((1, 1, 2, 3))):
        candidates = list(places(document))
        if not candidates:
            break
        container, key = random.choice(candidates)
        _change(container, key, random.choice(candidates), random)
    return document


def _change(container: Any, key: Any, donor: tuple[Any, Any], random: Random) -> None:
    match random.choice(("value", "value", "value", "gone", "swapped", "named", "wrapped", "deep")):
        case "value":
            container[key] = deepcopy(random.choice(HOSTILE))  # which later changes are not to reach
        case "gone":
            del container[key]
        case "swapped":
            # not the containers themselves: one may hold the other
            container[key] = json.loads(json.dumps(donor[0][donor[1]]))
        case "named" if isinstance(container, dict):
            name = random.choice(("", "id", "two\nnames", "\0", "\ud800", "x" * 5_000))
            container[name] = container.pop(key)
        case "deep":
            container[key] = deep(random.choice((50, 190, 5_00)))
        case _:
            container[key] = [container[key]]


_ACCIDENTS: tuple[Callable[[bytes, Random], bytes], ...] = (
    _flip,
    _cut,
    _overwrite,
    _insert,
    _move,
    _lines,
    _document,
    _document,
    _document,
)
