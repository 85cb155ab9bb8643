"""The data of a case, loaded once for it."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path

from ..case import Case
from ..datasets.augmentation import check_images
from ..datasets.splits import Split, prepare
from ..measure.quality_functions import quality_function
from ..models.classifier import check_data, model_signature
from ..storage.cache import Cache
from .cache_keys import key_of, source_digest
from .file_facts import FileFacts

# The kind of the cache's entries that remember a digest, and the name of the file in them.
DIGEST = "digest"


def load_data(case: Case, data_dir: Path | None, cache: Cache | None = None, *, trusted: bool = False) -> Split:
    """Load the data of a case, to be handed out as its model takes them.

    Args:
        case: names the data set and the model.
        data_dir: where data sets that are not shipped may lie.
        cache: remembers the digests of image files, which are then not read again until one changes.
        trusted: whether the model may do more than compute.

    Raises:
        UsageError: the data, the model's file or the definition are at fault.
    """
    remember = partial(_remembered, cache) if cache else None
    signature, facts = model_signature(case, trusted=trusted), FileFacts(case)
    data = prepare(case, data_dir, remember, signature=signature, implied=facts.preprocess)
    declared = case.model_copy(update={"classes": facts.output_classes(data.classes)})
    check_data(declared, signature, data.spec)
    check_images(case, data.spec.inputs)
    if case.quality:
        quality_function(case.quality, data.task)
    return data


def _remembered(cache: Cache, stamp: str, work_out: Callable[[], str]) -> str:
    """The digest of image files by their stamp: to read them all may take longer than everything else."""

    def build(folder: Path) -> None:
        (folder / DIGEST).write_text(work_out(), "ascii")

    key = key_of({"stamp": stamp, "code": source_digest()})
    return (cache.entry(DIGEST, key, build) / DIGEST).read_text("ascii")
