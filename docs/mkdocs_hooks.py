"""What MkDocs needs beside its settings: pages of the project that lie outside of ``docs``, and the links between both.

The pages of ``docs`` are read on a code host too, so their links are paths within the repository. Where a link leads to
one of ``PAGES``, it leads to that page here; where it leads to any other file outside of ``docs``, its text is shown
without a link, for the site does not know where the repository is.
"""

from __future__ import annotations

import posixpath
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mkdocs.structure.files import File

if TYPE_CHECKING:
    from mkdocs.config.defaults import MkDocsConfig
    from mkdocs.structure.files import Files
    from mkdocs.structure.pages import Page

ROOT = Path(__file__).parents[1]
_DOCS = "docs"
_EXAMPLES = sorted(ROOT.glob("examples/*/README.md"))
# Files outside of ``docs``, and the pages that they become.
PAGES = {
    "CONTRIBUTING.md": "project/contributing.md",
    "CHANGELOG.md": "project/changelog.md",
    "benchmarks/README.md": "project/benchmarks.md",
    "examples/README.md": "project/examples/index.md",
    **{f"examples/{path.parent.name}/README.md": f"project/examples/{path.parent.name}.md" for path in _EXAMPLES},
}
_SOURCES = {page: source for source, page in PAGES.items()}
# What the theme's search runs in where a page is opened from the disk.
_FETCHED, _OURS = "https://unpkg.com/iframe-worker/shim", "javascripts/frame_worker.js"
_LINK = re.compile(r"(?<!!)\[(?P<text>(?:[^\[\]]|\[[^\]]*\])*)\]\((?P<target>[^()\s#]+)(?P<anchor>#[^()\s]*)?\)")
_CODE = re.compile(r"^(```|~~~).*?^\1[ ]*$", re.MULTILINE | re.DOTALL)


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add the pages that lie outside of ``docs``."""
    for source, page in PAGES.items():
        files.append(File.generated(config, page, content=(ROOT / source).read_text("utf-8")))
    return files


def on_page_markdown(markdown: str, page: Page, **_: Any) -> str:
    """Make the links of a page, which are those of the repository, links of the site."""
    uri = page.file.src_uri
    parts, end = [], 0
    for block in _CODE.finditer(markdown):
        parts += [_relinked(markdown[end : block.start()], uri), block[0]]
        end = block.end()
    return "".join([*parts, _relinked(markdown[end:], uri)])


def _relinked(text: str, uri: str) -> str:
    return _LINK.sub(lambda link: _link(link, uri), text)


def _link(link: re.Match[str], uri: str) -> str:
    if re.match(r"[a-z]+:", link["target"]):
        return link[0]
    source = _SOURCES.get(uri, f"{_DOCS}/{uri}")
    target = posixpath.normpath(posixpath.join(posixpath.dirname(source), link["target"]))
    if f"{target}/README.md" in PAGES:
        target = f"{target}/README.md"
    if target.startswith(f"{_DOCS}/"):
        page = target.removeprefix(f"{_DOCS}/")
    elif target in PAGES:
        page = PAGES[target]
    elif (ROOT / target).exists():
        return link["text"]
    else:
        return link[0]  # which MkDocs refuses
    return f"[{link['text']}]({posixpath.relpath(page, posixpath.dirname(uri) or '.')}{link['anchor'] or ''})"


def on_post_page(output: str, page: Page, **_: Any) -> str:
    """Take our own program in the place of the one that the theme would fetch from another host."""
    return output.replace(_FETCHED, posixpath.relpath(_OURS, posixpath.dirname(page.file.dest_uri) or "."))


def on_post_template(output_content: str, **_: Any) -> str:
    """Likewise on pages that are made of no text, such as that of an address that is not there."""
    return output_content.replace(_FETCHED, _OURS)
