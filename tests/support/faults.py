"""Data sets that go wrong, each in its own way; workers find them as ``tests.support.faults:NAME``."""

from __future__ import annotations

import os
import re
import signal
import time
from pathlib import Path

import numpy as np

from pytest_opml.datasets.splits import RawData

_CLASSES = ("no", "yes")


def _images(count: int = 40) -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (count, 8, 8), dtype=np.uint8)


def _labels(count: int = 40) -> np.ndarray:
    return np.arange(count) % 2


def fine(data_dir: Path | None) -> RawData:
    return RawData(_images(), _labels(), _CLASSES)


def segfault(data_dir: Path | None) -> RawData:
    print("about to crash")
    os.kill(os.getpid(), signal.SIGSEGV)
    return fine(data_dir)


def leave(data_dir: Path | None) -> RawData:
    os._exit(3)


def killed(data_dir: Path | None) -> RawData:
    os.kill(os.getpid(), signal.SIGKILL)
    return fine(data_dir)


def hang(data_dir: Path | None) -> RawData:
    time.sleep(3600)
    return fine(data_dir)


def tell_and_hang(data_dir: Path | None) -> RawData:
    """Leave the number of its process in the data folder first, so that a test knows that it is under way."""
    assert data_dir
    _tell(data_dir)
    time.sleep(3600)
    return fine(data_dir)


def tell_and_hang_in_native_code(data_dir: Path) -> None:
    """No other thread of the process gets its turn meanwhile, and no signal handler."""
    _tell(data_dir)
    re.match("(a+)+$", "a" * 64 + "b")


def _tell(folder: Path) -> None:
    (folder / "pid.part").write_text(str(os.getpid()))
    (folder / "pid.part").rename(folder / "pid")


def fine_after_a_script(data_dir: Path | None) -> RawData:
    """Execute ``fill.py`` of the data folder first, if a test has put it there."""
    assert data_dir
    script = data_dir / "fill.py"
    if script.exists():
        exec(script.read_text())
    return fine(data_dir)


def hog(data_dir: Path | None) -> RawData:
    held = []
    while True:
        held.append(np.ones(10_000_000))
        time.sleep(0.02)


def memory_error(data_dir: Path | None) -> RawData:
    raise MemoryError("cannot allocate 1 TB")


def broken_code(data_dir: Path | None) -> RawData:
    return RawData(_images(), {}["no such key"], _CLASSES)


def single_class(data_dir: Path | None) -> RawData:
    return RawData(_images(), np.zeros(40, dtype=int), _CLASSES)


def lonely_class(data_dir: Path | None) -> RawData:
    return RawData(_images(), np.eye(1, 40, dtype=int)[0], _CLASSES)


def nothing_of_a_class(data_dir: Path | None) -> RawData:
    return RawData(_images(), _labels(), ("no", "yes", "maybe"))


def class_not_in_train(data_dir: Path | None) -> RawData:
    return RawData(_images(), _labels(), ("no", "yes", "maybe"), _images(), np.arange(40) % 3)


def class_not_in_test(data_dir: Path | None) -> RawData:
    return RawData(_images(), np.arange(40) % 3, ("no", "yes", "maybe"), _images(), _labels())


def other_shape_in_test(data_dir: Path | None) -> RawData:
    return RawData(_images(), _labels(), _CLASSES, _images()[:, :7], _labels())


def no_test_labels(data_dir: Path | None) -> RawData:
    return RawData(_images(), _labels(), _CLASSES, _images())


def missing_file(data_dir: Path | None) -> RawData:
    return RawData([Path(f"no such folder/{index}.png") for index in range(40)], _labels(), _CLASSES)


def label_out_of_range(data_dir: Path | None) -> RawData:
    return RawData(_images(), np.arange(40), _CLASSES)


def fewer_labels(data_dir: Path | None) -> RawData:
    return RawData(_images(), _labels(39), _CLASSES)


def empty(data_dir: Path | None) -> RawData:
    return RawData(_images(0), _labels(0), _CLASSES)


def float_images(data_dir: Path | None) -> RawData:
    return RawData(_images() / 255, _labels(), _CLASSES)


def two_channels(data_dir: Path | None) -> RawData:
    return RawData(np.zeros((40, 8, 8, 2), dtype=np.uint8), _labels(), _CLASSES)


def text_labels(data_dir: Path | None) -> RawData:
    return RawData(_images(), np.array(["yes", "no", "no", "maybe"] * 10), _CLASSES)


def no_arrays(data_dir: Path | None) -> RawData:
    return RawData([1, 2, 3], _labels(), _CLASSES)  # type: ignore[arg-type]


def no_raw_data(data_dir: Path | None) -> str:
    return "images"


def double(values: list[int]) -> list[int]:
    return values * 2


def environment() -> dict[str, str]:
    return dict(os.environ)


def exhaust(text: str) -> None:
    """What TensorFlow raises both without memory and without space on the disk."""
    import tensorflow as tf

    raise tf.errors.ResourceExhaustedError(None, None, text)
