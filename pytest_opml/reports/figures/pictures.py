"""Charts as pictures: SVG, PNG and PDF, drawn without a browser.

A chart drawn twice has the same bytes: the theme names a font that the library brings along, and neither a date nor a
random name is in the files.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any, Literal, get_args

from ...errors import SettingsError
from ...storage.whole_files import written_whole
from ..charts.chart import Chart
from ..charts.theme import theme

Format = Literal["png", "svg", "pdf"]
FORMATS: tuple[Format, ...] = get_args(Format)
WIDTH = 640  # pixels, of a chart that takes the width of its page
_SCALE = 2.0  # of a PNG
# Lines of a dictionary of names and objects, in the part of the file that is not compressed.
_RESOURCES = re.compile(rb"(?:^ +/[a-z]+\d+ \d+ 0 R\n){2,}", re.MULTILINE)


def picture_format(path: Path) -> Format:
    """Return the format that the ending of a file stands for.

    Raises:
        SettingsError: it stands for none.
    """
    ending = path.suffix.lower()
    for name in FORMATS:
        if ending == f".{name}":
            return name
    allowed = ", ".join(f".{name}" for name in FORMATS)
    raise SettingsError(f"{path}: a picture ends in {allowed}; name such a file")


def drawn(chart: Chart, form: Format) -> bytes:
    """Draw a chart on white; the same chart has the same bytes on every call.

    Args:
        chart: whose width is ``WIDTH`` where it takes that of its page; panels keep their own.
        form: of the picture; a PNG has two pixels for one.
    """
    import vl_convert

    specification = fixed_width(chart)
    nothing: list[str] = []  # no address may be read
    if form == "svg":
        text: str = vl_convert.vegalite_to_svg(specification, allowed_base_urls=nothing)
        return text.encode()
    if form == "png":
        return bytes(vl_convert.vegalite_to_png(specification, scale=_SCALE, allowed_base_urls=nothing))
    return _with_ordered_resources(vl_convert.vegalite_to_pdf(specification, allowed_base_urls=nothing))


def fixed_width(chart: Chart) -> dict[str, Any]:
    """Return the whole specification of a chart for a print, in which nothing depends on the width of a page."""
    specification = chart.whole(theme("print"))
    if specification.get("width") == "container":
        specification["width"] = WIDTH
    return specification


def _with_ordered_resources(pdf: bytes) -> bytes:
    """Return the same PDF with the resources of each page in one order: its writer has them in that of a hash table.

    Every line stays as long as it was, so the offsets of the objects are still right.
    """
    return _RESOURCES.sub(lambda lines: b"".join(sorted(lines[0].splitlines(keepends=True))), pdf)


def write_picture(path: Path, chart: Chart) -> None:
    """Write a chart to a file, whole or not at all; the ending of its name says the format.

    Args:
        path: of the file, which is replaced where it exists.
        chart: to draw.

    Raises:
        SettingsError: the ending stands for no format.
        StorageError: the file cannot be written.
    """
    content = drawn(chart, picture_format(path))
    with written_whole(path) as file:
        file.write(content)
