"""Tables as text: CSV for programs and spreadsheets, LaTeX for papers.

Both are read by something that obeys what it reads. A cell that a spreadsheet would work out as a formula begins with
an apostrophe, and what LaTeX takes for a command is escaped by tabulate, which knows all ten of its characters and the
signs of comparison. Letters of any language stay as they are, for which XeLaTeX or LuaLaTeX has the fonts.
"""

from __future__ import annotations

import csv
import io
import math
import re

from .tables import Cell, FigureTable

# At the beginning of a cell; or behind a semicolon, which is where many spreadsheets divide cells.
_FORMULA = re.compile(r"(^|;)(?=\s*[=+\-@\uff1d\uff0b\uff0d\uff20])")
# LaTeX takes these for an argument of the end of the row before.
_AFTER_ROW = re.compile(r"(\\\\\n\s*)(?=[\[*])")
_DIGITS = 4  # significant ones of a number in LaTeX; a CSV file has all


def csv_text(table: FigureTable) -> str:
    """Return a table as CSV with a line of headers; its numbers are not rounded."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow([_harmless(header) for header in table.headers])
    writer.writerows([_harmless(cell) for cell in row] for row in table.rows)
    return text.getvalue()


def latex_text(table: FigureTable) -> str:
    """Return the columns that fit across a page as a ``tabular`` of LaTeX, for the package booktabs.

    Numbers stand at the right of their column.
    """
    from tabulate import tabulate

    table = table.narrowed()
    columns = list(zip(*table.rows, strict=True))
    are_numbers = [all(cell is None or isinstance(cell, (int, float)) for cell in column) for column in columns]
    text = tabulate(
        [[_rounded(cell) for cell in row] for row in table.rows],
        headers=list(table.headers),
        tablefmt="latex_booktabs",
        colalign=["right" if is_number else "left" for is_number in are_numbers],
        disable_numparse=True,
    )
    return _AFTER_ROW.sub(r"\1{}", text) + "\n"


def _harmless(cell: Cell) -> Cell:
    return _FORMULA.sub(r"\1'", cell) if isinstance(cell, str) else cell


def _rounded(cell: Cell) -> str:
    """Return a number in four significant digits and without an exponent; whole numbers have all of theirs."""
    if cell is None:
        return ""
    if not isinstance(cell, float):
        return str(cell)
    if not math.isfinite(cell) or cell == 0:
        return str(cell)
    decimals = min(max(_DIGITS - 1 - math.floor(math.log10(abs(cell))), 0), 12)
    return f"{cell:.{decimals}f}"
