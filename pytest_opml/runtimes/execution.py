"""With what a model file is computed: settings of a case, which a file of ours also carries in itself."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple, cast, get_args

from ..errors import ModelFileError
from ..records.case_record import NumberPrecision, Provider

# The key under which a file of ours says how it is to be run.
PROVIDER_KEY, PRECISION_KEY = "opml.provider", "opml_precision"


class Execution(NamedTuple):
    """What a case says of how its file is computed; None: as the file says, or the runtime's own choice.

    Attributes:
        provider: of ONNX Runtime, by its short name.
        precision: of OpenVINO.
    """

    provider: Provider | None = None
    precision: NumberPrecision | None = None

    def check_kind(self, path: Path, kind: str) -> None:
        """Refuse a setting that is none for a file of this kind.

        Raises:
            ModelFileError: it would be without effect.
        """
        for name, value, wanted in (("provider", self.provider, "onnx"), ("precision", self.precision, "openvino")):
            if value is not None and kind != wanted:
                what = "an .onnx file" if wanted == "onnx" else "a model of OpenVINO"
                raise ModelFileError(f"{path}: {name}={value} is for {what}, and this is of the kind {kind}")


AS_IS = Execution()


def as_provider(path: Path, text: str) -> Provider:
    """Return a provider that a file names.

    Raises:
        ModelFileError: there is none of that name.
    """
    return cast("Provider", _one_of(path, "execution provider", text, get_args(Provider)))


def as_precision(path: Path, text: str) -> NumberPrecision:
    """Return a precision that a file names.

    Raises:
        ModelFileError: there is none of that name.
    """
    return cast("NumberPrecision", _one_of(path, "precision", text, get_args(NumberPrecision)))


def _one_of(path: Path, what: str, text: str, names: tuple[str, ...]) -> str:
    if text not in names:
        raise ModelFileError(f"{path}: asks for the {what} {text[:40]!r}; known: {', '.join(names)}")
    return text
