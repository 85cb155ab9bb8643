"""The badge of a case: a small picture with its newest OpScore and verdict, to stand in a README."""

from __future__ import annotations

import re
from collections.abc import Sequence
from hashlib import blake2b
from html import escape
from pathlib import Path
from typing import Any, NamedTuple

from .files import write_file
from .run_document import CODES, FAIL, INCONCLUSIVE, NO_RESULT, NOT_JUDGED, PASS, WAIVED
from .state import SiteState

# White text has a contrast of 4.5 or more on each.
_COLOURS = {
    PASS: "#1a7f37",
    FAIL: "#c62828",
    NO_RESULT: "#c62828",
    INCONCLUSIVE: "#8a5a00",
    NOT_JUDGED: "#8a5a00",
    WAIVED: "#8a5a00",
}
_NEUTRAL = "#555555"
_CHARACTER, _PADDING, _HEIGHT = 6.6, 6, 20
_LABEL = "opml"
_FOLDER = "badges"


class Badge(NamedTuple):
    """What a badge says.

    Attributes:
        text: of its right half: ``1.23 pass``.
        colour: behind that.
    """

    text: str
    colour: str


def badge_of(value: float | None, unit: str, verdict: int) -> Badge:
    """Return the badge of a result.

    Args:
        value: its OpScore, or the time of a call; None where the case has no result.
        unit: of the value.
        verdict: one of the codes of a run's document.
    """
    figure = "" if value is None else f"{value:.2f}" if not unit else f"{value:.3g} {unit}"
    word = "" if verdict == 0 and figure else CODES[verdict]
    return Badge(" ".join(filter(None, (figure, word))), _COLOURS.get(verdict, _NEUTRAL))


def badge_name(case_id: str, profile: str) -> str:
    """Return the name of a badge's file, the same in each build of any site with the case."""
    readable = re.sub(r"[^A-Za-z0-9._]+", "-", f"{case_id}-{profile}")[:60].strip("-.")
    digest = blake2b(f"{case_id}\n{profile}".encode("utf-8", "surrogatepass"), digest_size=4).hexdigest()
    return f"{readable}-{digest}.svg" if readable else f"{digest}.svg"


def badge_svg(badge: Badge, title: str) -> str:
    """Return a badge as SVG; ``title`` is what it is about, for who cannot see it."""
    left, right = (round(len(text) * _CHARACTER + 2 * _PADDING) for text in (_LABEL, badge.text))
    text, about = escape(badge.text), escape(f"{title}: {badge.text}")
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{left + right}" height="{_HEIGHT}" role="img" '
        f'aria-label="{about}"><title>{about}</title>'
        f'<clipPath id="r"><rect width="{left + right}" height="{_HEIGHT}" rx="3"/></clipPath>'
        f'<g clip-path="url(#r)"><rect width="{left}" height="{_HEIGHT}" fill="#333"/>'
        f'<rect x="{left}" width="{right}" height="{_HEIGHT}" fill="{badge.colour}"/></g>'
        f'<g fill="#fff" font-family="Verdana,DejaVu Sans,sans-serif" font-size="11" text-anchor="middle">'
        f'<text x="{left / 2}" y="14" textLength="{left - 2 * _PADDING}">{_LABEL}</text>'
        f'<text x="{left + right / 2}" y="14" textLength="{right - 2 * _PADDING}">{text}</text></g></svg>\n'
    )


def write_badges(site: Path, state: SiteState, main: int | None) -> list[str]:
    """Write the badges that changed, remove those of cases that are gone, and return the name of each series' file.

    Which changed is seen in the files: a killed build may have written some that the state does not know of.

    Args:
        site: its folder.
        state: of the site.
        main: number of the main branch, whose newest results badges show; None where there is none.
    """
    folder, names, live = site / _FOLDER, [], set[str]()
    present = {path.name for path in folder.glob("*.svg")}
    for series in state.series:
        case_id = state.cases[series.case]
        name = badge_name(case_id, series.profile)
        names.append(name)
        if not series.entry:
            continue
        live.add(name)
        picture = badge_svg(_badge_of_entry(series.entry, main), f"{case_id} on {series.profile}")
        if name not in present or (folder / name).read_bytes() != picture.encode():
            write_file(folder / name, picture)
    for name in present - live:
        (folder / name).unlink(missing_ok=True)
    return names


def _badge_of_entry(entry: Sequence[Any], main: int | None) -> Badge:
    """Return the badge of what the index says of a series: of the main branch where it has results there."""
    of_branches = {branch: newest for branch, newest, *_ in entry[4]}
    newest = of_branches.get(main, entry[0])
    score, call = newest[3], newest[7] if len(newest) > 7 else None
    return badge_of(score if score is not None else call, "s" if score is None else "", newest[2])
