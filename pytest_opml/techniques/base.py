"""The role of a technique, and what one hands to the next."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, ClassVar

from ..datasets.images import ImageSet
from ..errors import CaseDefinitionError

if TYPE_CHECKING:
    import keras


@dataclass(frozen=True)
class Draft:
    """A model on its way to a file.

    Attributes:
        model: the Keras model as it is now.
        half: store floating-point weights as float16.
        compress: store with DEFLATE.
        flatbuffer: a finished ``.tflite``, after which there is no Keras model to go on with.
        changes: what the techniques so far changed, for the record.
    """

    model: keras.Model
    half: bool = False
    compress: bool = False
    flatbuffer: bytes | None = None
    changes: dict[str, float | int | str] = field(default_factory=dict)


@dataclass(frozen=True)
class Material:
    """What a technique may use besides the model: training images on demand, and the case's seed."""

    x_train: ImageSet
    seed: int


class Technique(ABC):
    """One step of a chain. To override: ``parse`` where it takes an argument, and ``apply``.

    Attributes:
        ends_chain: nothing can follow, since the result is no Keras model any more.
    """

    ends_chain: ClassVar[bool] = False

    @classmethod
    def parse(cls, argument: str | None) -> Technique:
        """The technique with the argument behind its name: ``256`` in ``cluster-256``.

        Raises:
            CaseDefinitionError: the argument is missing, not wanted, or not allowed.
        """
        if argument is not None:
            raise CaseDefinitionError(f"technique {cls.__name__.lower()}-{argument}: it takes no argument")
        return cls()

    @abstractmethod
    def apply(self, draft: Draft, material: Material) -> Draft:
        """The next draft, with what was changed added to ``changes``.

        Raises:
            TechniqueError: it cannot be applied to this model, or would change nothing.
        """
