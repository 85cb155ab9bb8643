"""What is measured: one model, trained in one way on one data set, after one chain of techniques."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import product
from typing import Any

from pydantic import ValidationError, field_validator, model_validator

from . import registry
from .errors import CaseDefinitionError
from .records.case_record import CaseRecord, Unfreeze, described


class Case(CaseRecord):
    """One row of the comparison; frozen, validated when built, and named by its ``id``.

    Its fields are those of ``CaseRecord``. Beside their form, its names are checked against what is registered here,
    and the techniques of its chain against one another.

    Raises:
        CaseDefinitionError: a name is unknown (the known ones are listed) or a value is out of its range.
    """

    def __init__(self, **values: Any) -> None:
        try:
            super().__init__(**values)
        except ValidationError as error:
            raise CaseDefinitionError(described(error)) from None

    @field_validator("dataset", "model")
    @classmethod
    def _known(cls, value: str, info: Any) -> str:
        registry.check(info.field_name, value)
        return value

    @field_validator("technique")
    @classmethod
    def _chain_is_valid(cls, value: str) -> str:
        steps = parse_chain(value)
        if len(steps) > 1 and "baseline" in value.split("+"):
            raise CaseDefinitionError(f"technique {value!r}: baseline stands alone, it changes nothing")
        for step, text in zip(steps[:-1], value.split("+"), strict=False):
            if step.ends_chain:
                raise CaseDefinitionError(
                    f"technique {value!r}: nothing can follow {text}, it is no Keras model any more"
                )
        return value

    @model_validator(mode="after")
    def _finished_model_is_only_measured(self) -> Case:
        if not self.is_finished:
            return self
        if self.unfreeze != 0:
            raise ValueError(f"unfreeze = {self.unfreeze!r}: {self.model} cannot be trained; write unfreeze=0")
        if self.technique != "baseline":
            raise ValueError(f"technique {self.technique}: needs a Keras model, and {self.model} is none")
        return self

    @property
    def is_finished(self) -> bool:
        """Whether the model is a file that can be measured and not changed: TFLite, ONNX or SavedModel."""
        return registry.is_path("model", self.model) and not self.model.endswith(".keras")


def parse_chain(text: str) -> list[Any]:
    """Return the technique objects of a chain, in the order in which they are applied.

    Raises:
        CaseDefinitionError: a name is unknown or an argument is not allowed.
    """
    steps = []
    for part in text.split("+"):
        head, *pairs = part.split(",")
        name, separator, argument = registry.split_argument("technique", head)
        options: dict[str, str] = {}
        for pair in pairs:
            key, equals, value = pair.partition("=")
            if not (key and equals and value) or key in options:
                raise CaseDefinitionError(f"technique {part}: {pair!r} is no option (key=value, each once)")
            options[key] = value
        steps.append(registry.get("technique", name).parse(name, separator, argument, options))
    return steps


def matrix(
    *,
    models: Sequence[str],
    dataset: str | Sequence[str],
    techniques: Sequence[str] = ("baseline",),
    unfreeze: Sequence[Unfreeze] = (1,),
    **common: Any,
) -> list[Case]:
    """Return all combinations as cases, for ``pytest.mark.parametrize``; ``common`` sets the other fields of each.

    Raises:
        CaseDefinitionError: a combination is no valid case, or there is none.
    """
    datasets = [dataset] if isinstance(dataset, str) else dataset
    given = (("models", models), ("dataset", datasets), ("techniques", techniques), ("unfreeze", unfreeze))
    for name, values in given:
        if isinstance(values, str) or not isinstance(values, Sequence):
            raise CaseDefinitionError(f"matrix: {name} must be a list, not {values!r}")
    cases = [
        Case(dataset=data, model=model, unfreeze=top, technique=technique, **common)
        for data, model, top, technique in product(datasets, models, unfreeze, techniques)
    ]
    if not cases:
        raise CaseDefinitionError("matrix: no case; models, dataset, techniques and unfreeze each need an entry")
    return cases
