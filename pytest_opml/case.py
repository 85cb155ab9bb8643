"""What is measured: one model, trained in one way on one data set, after one chain of techniques."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import product
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pydantic import ValidationError, field_validator, model_validator

from . import registry
from .errors import CaseDefinitionError, SettingsError, UnknownNameError
from .records import model_sections
from .records.case_ids import ID
from .records.case_record import CaseRecord, Provider, Unfreeze, described
from .storage.similar_paths import no_such

if TYPE_CHECKING:
    from typing_extensions import Self

    from .records.model_sections import ModelSection


class Case(CaseRecord):
    """One row of the comparison; frozen, validated when built, and named by its ``id``.

    Its fields are those of ``CaseRecord``. Beside their form, its names are checked against what is registered here,
    and the techniques of its chain against one another. What is not given and ``[tool.opml.model.NAME]`` says of the
    model is taken from there.

    Raises:
        CaseDefinitionError: a name is unknown (the known ones are listed) or a value is out of its range.
        SettingsError: a section of the settings is not as it may be.
    """

    def __init__(self, **values: Any) -> None:
        try:
            super().__init__(**_with_default(_with_section(values)))
        except ValidationError as error:
            raise CaseDefinitionError(described(error)) from None

    @field_validator("dataset", "model")
    @classmethod
    def _known(cls, value: str, info: Any) -> str:
        of_settings = [one.name for one in registry.sections().values() if one.name]
        registry.check(info.field_name, value, of_settings if info.field_name == "model" else ())
        return value

    @field_validator("quality")
    @classmethod
    def _quality_is_known(cls, value: str | None) -> str | None:
        if value is not None:
            registry.check("quality", value)
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
        self.check_finished()
        return self

    @model_validator(mode="after")
    def _techniques_train_on_one_device(self) -> Case:
        check_trained_alone(self.technique, self.devices)
        return self

    @model_validator(mode="after")
    def _augments_what_bears_it(self) -> Case:
        if self.augment != "none" and self.dataset in registry.names("dataset"):
            loader = registry.get("dataset", self.dataset)
            check_augment(self.augment, self.dataset, getattr(loader, "augmentations", None))
        return self

    def check_finished(self) -> None:
        """Check that nothing is done to a finished model.

        Raises:
            ValueError: it was to be trained or optimised.
        """
        self._check_execution()
        if not self.is_finished:
            return
        if self.unfreeze != 0:
            raise ValueError(f"unfreeze = {self.unfreeze!r}: {self.model} cannot be trained; write unfreeze=0")
        if self.technique != "baseline":
            raise ValueError(f"technique {self.technique}: needs a Keras model, and {self.model} is none")

    def _check_execution(self) -> None:
        """Check that what a finished file is computed with is said of one; a chain says it in its last step.

        Raises:
            ValueError: it would be without effect.
        """
        may_be = self.is_finished or registry.is_address(self.model) or registry.is_reference(self.model)
        is_as_it_is = may_be and self.unfreeze == 0 and self.technique == "baseline"
        if self.provider and not (is_as_it_is and not self.model.endswith((".tflite", ".keras"))):
            raise ValueError(
                f"provider = {self.provider!r}: is for .onnx files that are measured as they are; else write the "
                f"technique onnx,provider={self.provider}"
            )
        if self.precision and not (is_as_it_is and not self.model.endswith((".tflite", ".keras", ".onnx"))):
            raise ValueError(
                f"precision = {self.precision!r}: is for models of OpenVINO that are measured as they are; else write "
                f"the technique openvino,precision={self.precision}"
            )

    @property
    def providers(self) -> tuple[Provider, ...]:
        """The execution providers that it asks for, in its chain or for its file."""
        steps = (getattr(step, "provider", None) for step in parse_chain(self.technique))
        return tuple(name for name in (self.provider, *steps) if name)

    @property
    def is_finished(self) -> bool:
        """Whether the model is a file that can be measured and not changed: TFLite, ONNX or SavedModel.

        Of an address it shows when what lies there is fetched.
        """
        return _is_finished(self.model)

    @property
    def needs_tensorflow(self) -> bool:
        """Whether TensorFlow builds, optimises or measures it: all but files of TFLite and ONNX, as far as is known."""
        return not (self.is_finished and self.model.endswith((".tflite", ".onnx")))

    @property
    def is_made_anywhere(self) -> bool:
        """Whether its artifact is made, and may be on another machine than the one that it is measured on."""
        if self.is_untouched or self.devices > 1:
            return False
        return not any(step.needs_device() for step in parse_chain(self.technique))

    @property
    def is_untouched(self) -> bool:
        """Whether the artifact is the file of the user itself: a finished one, or Keras' own as it is."""
        is_file = registry.is_path("model", self.model)
        return self.is_finished or (is_file and self.unfreeze == 0 and self.technique == "baseline")

    @classmethod
    def parse(cls, text: str) -> Self:
        """Return the case that an ``id`` stands for; a name, with or without a technique, is one of the settings.

        Raises:
            CaseDefinitionError: the text is no id, or names an impossible case.
        """
        name, _, technique = text.partition("/")
        if ID.fullmatch(text) or name not in registry.sections():
            return super().parse(text)
        return cls(model=name, technique=technique or "baseline")


def check_augment(augment: str, dataset: str, sound: Sequence[str] | None) -> None:
    """Check that what is done to training images leaves them what they are.

    Args:
        augment: of a case.
        dataset: its name, for the error.
        sound: what may be done to its images, as its loader says; None where nothing says so.

    Raises:
        CaseDefinitionError: something of that is not sound, or ``auto`` has nothing to go by.
    """
    if augment == "none":
        return
    if sound is None and augment == "auto":
        raise CaseDefinitionError(
            f"case: augment = 'auto': nothing says what is sound for {dataset}; write which, such as 'flip+crop', or "
            "give its loader the attribute augmentations"
        )
    unsound = [name for name in augment.split("+") if sound is not None and name not in (*sound, "auto")]
    if unsound or sound == ():
        named = unsound[0] if unsound else augment
        allowed = ", ".join(sound or ()) or "none"
        raise CaseDefinitionError(f"case: augment = {augment!r}: {named} is not sound for {dataset}; sound: {allowed}")


def check_trained_alone(technique: str, devices: int) -> None:
    """Check that no step of a chain trains a model that was trained on several devices.

    Raises:
        CaseDefinitionError: one does, which is done on one device.
    """
    if devices == 1:
        return
    for step, text in zip(parse_chain(technique), technique.split("+"), strict=True):
        if step.trains():
            raise CaseDefinitionError(
                f"case: devices = {devices}: technique {text} trains the model on, which is done on one device; write "
                "devices=1, or techniques that do not train (epochs=0 or finetune=0, where they have it)"
            )


def _is_finished(model: str) -> bool:
    is_file = registry.is_path("model", model) and not registry.is_address(model)
    return is_file and not model.endswith(".keras")


def _with_section(values: Mapping[str, Any]) -> Mapping[str, Any]:
    """The fields of a case, with those that a section of the settings gives it.

    Raises:
        CaseDefinitionError: the name of a case is that of another model's section, or of no model.
    """
    section = _section_of(values.get("name"), values.get("model"))
    if section is None:
        return values
    fields: dict[str, Any] = {"name": section.name, **section.fields, **values, "model": section.model}
    if section.name and _is_finished(section.model):
        fields.setdefault("unfreeze", 0)
    return fields


def _with_default(values: Mapping[str, Any]) -> Mapping[str, Any]:
    """The fields of a case; a model of a registry is measured as it is where nothing else is said."""
    is_address = isinstance(model := values.get("model"), str) and registry.is_address(model)
    return {"unfreeze": 0, **values} if is_address else values


def _section_of(name: Any, model: Any) -> ModelSection | None:
    sections = registry.sections()
    by_name = sections.get(name) if isinstance(name, str) else None
    if not isinstance(model, str):
        if isinstance(name, str) and model is None and by_name is None:
            raise CaseDefinitionError(f"case: name = {name!r}: give its model, or write [tool.opml.model.{name}]")
        return by_name
    section = sections.get(model) or next(
        (one for one in sections.values() if one.name is None and one.is_of(model)), None
    )
    if by_name and by_name.name and not (section is by_name or by_name.is_of(model)):
        raise CaseDefinitionError(
            f"case: name = {name!r}: [{by_name.source}] is of the model {by_name.model}, not of {model}"
        )
    return by_name or section


def parse_sections(tables: Any, where: str, root: Path) -> dict[str, ModelSection]:
    """Parse ``[tool.opml.model]``; see ``records.model_sections.parse_sections``."""
    return model_sections.parse_sections(tables, where, root, registry.is_path)


def check_sections(sections: Mapping[str, ModelSection]) -> None:
    """Check what sections name against what is registered here and is on this machine.

    Raises:
        SettingsError: a model or data set is unknown, or its file is not there.
    """
    for key, section in sections.items():
        if section.name in registry.names("model"):
            raise SettingsError(f"{section.source}: {key!r} is the name of a registered model, so it can name no other")
        for kind, name in (("model", section.model), ("dataset", section.fields.get("dataset"))):
            if name is None:
                continue
            try:
                registry.check(kind, name)
            except UnknownNameError as error:
                hint = "; or give its path" if kind == "model" and section.name is None else ""
                raise SettingsError(f"{section.source}: {error}{hint}") from None
            if registry.is_path(kind, name) and not model_sections.is_there(name):
                raise SettingsError(f"{section.source}: {kind} {name}: {no_such(Path(name).expanduser())}")


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
    dataset: str | Sequence[str] | None = None,
    techniques: Sequence[str] = ("baseline",),
    unfreeze: Sequence[Unfreeze] | None = None,
    **common: Any,
) -> list[Case]:
    """Return all combinations as cases, for ``pytest.mark.parametrize``.

    Args:
        models: each a ``Case.model``.
        dataset: one data set or several; None for that of each model's ``[tool.opml.model.NAME]``.
        techniques: each a ``Case.technique``.
        unfreeze: each a ``Case.unfreeze``; None for the default of each model.
        common: the other fields, of every case.

    Raises:
        CaseDefinitionError: a combination is no valid case, or there is none.
    """
    given = {
        "dataset": ("dataset", [dataset] if isinstance(dataset, str) else dataset),
        "model": ("models", models),
        "unfreeze": ("unfreeze", unfreeze),
        "technique": ("techniques", techniques),
    }
    fields = {}
    for field, (argument, values) in given.items():
        if values is None:
            continue
        if isinstance(values, str) or not isinstance(values, Sequence):
            raise CaseDefinitionError(f"matrix: {argument} must be a list, not {values!r}")
        fields[field] = values
    cases = [Case(**dict(zip(fields, values, strict=True)), **common) for values in product(*fields.values())]
    if not cases:
        raise CaseDefinitionError("matrix: no case; models, dataset, techniques and unfreeze each need an entry")
    return cases
