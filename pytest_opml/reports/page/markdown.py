"""A page as Markdown of GitHub's flavour, for a comment on a pull request or the summary of a job."""

from __future__ import annotations

import re
import shlex
from dataclasses import replace
from functools import cache
from typing import Any

from jinja2 import Environment
from markupsafe import Markup

from ...errors import SettingsError
from ...printable import clipped
from .environment import make_environment
from .limits import EVERYTHING, Limits, widest
from .model import Page, State, cleaned

# That GitHub takes in a comment. It says characters; so many bytes are never more, however it counts them.
LONGEST = 65_536
_LINE = ("CI job", "commit", "branch")  # facts that stand in the last of the first lines
_SHORT = 200  # characters of each text there
_SIGNS: dict[State, str] = {"pass": "✅", "not_judged": "⚠️", "fail": "❌", "none": "📏"}

# Followed by a space of no width, since who is mentioned gets a mail, an issue a link back, a text that looks like an
# address becomes a link, and the name of a picture between colons that picture. GitLab has references of its own.
_MENTION = r"[@#%](?=\w)|!(?=\d)|:(?=//|[a-z0-9_+-]+:)|(?<=\b[Ww]{3})\.|(?<=\b[Gg][HhLl])-(?=\d)"
# Written as entities, which are never structure, or escaped by a backslash. An underscore within a word, such as
# size_mb, is no structure. What GitHub sets as mathematics it looks for when the backslashes are gone.
_SPECIAL = re.compile(
    rf"(?P<epic>&(?=\d))|(?P<entity>[&<>|`\\])|(?P<mention>{_MENTION})|(?P<dollar>\$)|[*\[\]~]"
    r"|(?<![A-Za-z0-9])_|_(?![A-Za-z0-9])",
    re.ASCII,
)
_SPECIAL_IN_HTML = re.compile(
    rf"(?P<epic>&(?=\d))|(?P<entity>[&<>\"'])|(?P<mention>{_MENTION})|(?P<dollar>\$)", re.ASCII
)
_UNSEEN = "&#8203;"
# GitLab obeys a line that begins with a slash.
_BLOCK = re.compile(r"^(?=[-+#=/])|^\d+(?=[.)])", re.ASCII)
_LINK = re.compile(r"https?://[A-Za-z0-9.:-]+(?:/[A-Za-z0-9/._~%+?=&-]*)?")


class MarkdownReporter:
    """Writes a page as Markdown.

    Args:
        longest: bytes that it may have.
        link: to the whole report, in the first lines; empty for none.

    Raises:
        SettingsError: the link is none that can be written into Markdown as it is.
    """

    def __init__(self, longest: int = LONGEST, link: str = "") -> None:
        if link and not _LINK.fullmatch(link):
            raise SettingsError(f"{clipped(link, 100)!r} is no link such as https://example.com/report.html")
        self._longest = longest
        self._link = link

    def render(self, page: Page) -> str:
        """Return the page as Markdown that fits a comment: of a large run, what is left out is said in its place."""
        texts: dict[Limits, str] = {}

        def fits(limits: Limits) -> bool:
            texts[limits] = texts[limits] if limits in texts else _render(page, limits, self._link)
            return len(texts[limits].encode()) <= self._longest

        limits = EVERYTHING if fits(EVERYTHING) else widest(fits)
        return texts[limits] if limits in texts else _render(page, limits, self._link)


def _render(page: Page, limits: Limits, link: str = "") -> str:
    """Return the page within limits; one that is shortened says where the whole is."""
    run_id = next((fact.text for fact in page.facts if fact.label == "run"), "RUN")
    whole = shlex.join(["opml", "report", run_id, "-o", "report.html"]) if limits != EVERYTHING else ""
    facts = [cleaned(fact, _SHORT) for label in _LINE for fact in page.facts if fact.label == label]
    if limits.text is not None:
        page = replace(cleaned(page, limits.text), headline=page.headline, summary=page.summary)
    template = _environment().get_template("run.md.jinja")
    text = template.render(page=page, limits=limits, whole=whole, link=link, facts=facts)
    return re.sub(r"\n{3,}", "\n\n", text).strip() + "\n"


def inline(value: object) -> Markup:
    """Escape a text that stands within a line, such as a table's cell, and shows as it is."""
    return Markup(_SPECIAL.sub(_escaped, str(value)))  # noqa: S704 - all structure is escaped


def _escaped(match: re.Match[str]) -> str:
    if match["entity"] or match["epic"]:
        return f"&#{ord(match[0])};{_UNSEEN if match['epic'] else ''}"
    if match["dollar"]:
        return "<span>$</span>"
    return f"{match[0]}{_UNSEEN}" if match["mention"] else f"\\{match[0]}"


def prose(value: object) -> Markup:
    """Escape a text that may begin a paragraph or an item of a list."""
    return Markup(_BLOCK.sub(lambda match: f"{match[0]}\\", inline(value)))  # noqa: S704 - likewise


def code(value: object) -> Markup:
    """Escape a text and set it in the font of code."""
    text = str(value)
    if not text:
        return Markup("")
    if re.search(r"[`|\\]", text):  # what a span of code in a table cannot hold everywhere
        return Markup("<code>{}</code>").format(inline(text))
    return Markup("`{}`").format(Markup(text))  # noqa: S704 - nothing but a backtick ends a span of code


def summary(value: object) -> Markup:
    """Escape a text in the tag of that name, where only HTML is structure."""
    return Markup(_SPECIAL_IN_HTML.sub(_escaped, str(value)))  # noqa: S704 - likewise


def _shown(value: Any) -> Any:
    """Escape what a template writes without saying how."""
    return value if isinstance(value, Markup) else prose(value)


@cache
def _environment() -> Environment:
    environment = make_environment(finalize=_shown)
    # a page links only to what is safe to write
    environment.filters |= {"inline": inline, "code": code, "as_link": Markup, "summary": summary}
    environment.globals |= {"signs": _SIGNS}
    return environment
