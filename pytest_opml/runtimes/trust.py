"""Models that do more than compute: what is said of them, and that a user may trust one."""

from __future__ import annotations

import re
import shlex
from collections.abc import Sequence
from pathlib import Path

from ..errors import ModelFileError, listed


def check_operations(path: Path, operations: Sequence[str], *, trusted: bool) -> None:
    """Refuse a model whose operations reach outside it, unless it is trusted.

    Args:
        path: of the model, as errors name it.
        operations: the names of those that do.
        trusted: whether the user said so.

    Raises:
        ModelFileError: there are some, and it is not trusted.
    """
    if operations and not trusted:
        count = "an operation" if len(operations) == 1 else f"{len(operations)} operations"
        raise ModelFileError(
            f"{path}: holds {count} that may reach outside the model, to files, programs or the network: "
            f"{listed([_shown(name) for name in operations])}; if you trust whoever made it: "
            f"--opml-trust={shlex.quote(str(path))}"
        )


def _shown(name: str) -> str:
    """The name of an operation; what is none is quoted, and not shown at any length."""
    return name if re.fullmatch(r"[\w:.>/-]{1,80}", name, re.ASCII) else ascii(name[:80])
