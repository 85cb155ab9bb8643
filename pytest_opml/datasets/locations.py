"""Where a built-in data set lies on this machine, so that nothing need be downloaded."""

from __future__ import annotations

import os
from pathlib import Path
from typing import NamedTuple


class Copy(NamedTuple):
    """Where a data set lies on this machine, told without loading it.

    Attributes:
        path: what would be read; None where nothing has to lie anywhere, or does not.
        wanted: what could lie in the data folder instead of a download; empty for a data set that needs none.
        origin: where it comes from otherwise.
    """

    path: Path | None = None
    wanted: str = ""
    origin: str = ""


class _Places(NamedTuple):
    """Names in the data folder, one of which is enough, and in Keras' folder of data sets, all of which are needed."""

    own: tuple[str, ...]
    keras: tuple[str, ...]


_IDX = (
    "train-labels-idx1-ubyte.gz",
    "train-images-idx3-ubyte.gz",
    "t10k-labels-idx1-ubyte.gz",
    "t10k-images-idx3-ubyte.gz",
)
# Keras unpacks an archive that it has, and downloads one that it has not, even beside the unpacked files.
_DOWNLOADED = {
    "cifar10": _Places(("cifar-10-batches-py",), ("cifar-10-batches-py-target_archive",)),
    "cifar100": _Places(("cifar-100-python",), ("cifar-100-python-target_archive",)),
    "mnist": _Places(("mnist.npz", "mnist"), ("mnist.npz",)),
    "fashion_mnist": _Places(("fashion_mnist.npz", "fashion_mnist"), tuple(f"fashion-mnist/{name}" for name in _IDX)),
}


def keras_home() -> Path:
    """Return the folder in which Keras keeps what it downloads."""
    return Path(os.environ.get("KERAS_HOME") or Path.home() / ".keras")


def find_copy(name: str, data_dir: Path | None) -> Copy:
    """Return where a registered data set lies; its files are looked for, not read.

    Args:
        name: of the data set.
        data_dir: where data sets that are not shipped may lie.
    """
    if name == "digits":
        return Copy(origin="shipped with scikit-learn")
    if name not in _DOWNLOADED:
        return Copy(origin="registered by another package, which knows where it is")
    places = _DOWNLOADED[name]
    own = [data_dir / file for file in places.own] if data_dir is not None else []
    downloaded = [keras_home() / "datasets" / file for file in places.keras]
    wanted = " or ".join(places.own)
    copy = next((path for path in own if path.exists()), None)
    if copy is None and all(path.exists() for path in downloaded):
        copy = downloaded[0] if len(downloaded) == 1 else downloaded[0].parent
    return Copy(copy, wanted)
