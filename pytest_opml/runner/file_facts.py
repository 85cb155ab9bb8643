"""What a finished model's file says of its pixels and classes, used where the case says nothing of them."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from ..case import Case
from ..errors import CaseDefinitionError
from ..measure.outputs import output_names
from ..records.preprocess import Preprocess
from ..runtimes.metadata import FileMetadata, read_metadata

if TYPE_CHECKING:
    from ..datasets.held_out import HeldOut


class FileFacts:
    """What the file of a case's model says; nothing of a model that is built, or that is given a new head.

    Args:
        case: of the model.
    """

    def __init__(self, case: Case) -> None:
        self._case = case

    @cached_property
    def _metadata(self) -> FileMetadata:
        return read_metadata(Path(self._case.model)) if self._case.is_finished else FileMetadata()

    @property
    def preprocess(self) -> Preprocess | None:
        """How the file wants the pixels of images; None where it does not say, or says what cannot be."""
        if self._case.preprocess or not self._metadata.preprocess:
            return None
        try:
            return Preprocess(**self._metadata.preprocess)
        except CaseDefinitionError:
            return None

    def output_classes(self, classes: Sequence[str]) -> tuple[str, ...] | None:
        """Return what each output stands for: as the case says, or else the file where it has all classes of the data.

        Args:
            classes: of the data.

        Returns:
            The names in the order of the outputs; None for those of the data.

        Raises:
            ModelFileError: the case goes by names that the file does not have.
        """
        labels, declared = self._metadata.classes, self._case.classes
        if declared is None and (labels is None or not set(classes) <= set(labels)):
            return None
        names = output_names(declared, labels)
        return None if names is None else tuple(names)

    def notes(self, held_out: HeldOut) -> tuple[str, ...]:
        """Say in the result what was taken from the file, or could not be.

        Args:
            held_out: the data that were measured.
        """
        notes, file, labels = [], Path(self._case.model).name, self._metadata.classes
        treatments = held_out.inputs.treatments
        if treatments and not self._case.preprocess:
            notes.append(f"pixels are treated as the metadata of {file} say: {described(treatments[0])}")
        if self._case.classes is None and labels and labels != held_out.classes:
            if self.output_classes(held_out.classes):
                notes.append(f"the outputs are those classes that the metadata of {file} say, not in the data's order")
            elif held_out.task != "regression":
                notes.append(
                    f"the metadata of {file} name the outputs otherwise than the data name their classes, so they "
                    "were taken in order; classes= says what each output is"
                )
        return tuple(notes)


def described(treatment: Preprocess) -> str:
    """Return the fields of a treatment that differ from their defaults, in short."""
    fields = type(treatment).model_fields.items()
    values = {name: getattr(treatment, name) for name, field in fields if getattr(treatment, name) != field.default}
    return ", ".join(f"{name} {_number(value)}" for name, value in values.items()) or "as they are"


def _number(value: object) -> str:
    if isinstance(value, tuple):
        return f"({', '.join(map(_number, value))})"
    return f"{value:.6g}" if isinstance(value, float) else str(value)
