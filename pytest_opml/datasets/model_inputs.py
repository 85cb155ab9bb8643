"""Data in the form that a model takes: which input of the model each of the data's goes to, and images fitted to it."""

from __future__ import annotations

from ..case import Case
from ..errors import CaseDefinitionError, DatasetError
from ..records.case_record import image_sides
from ..records.preprocess import Preprocess
from ..tensors import Signature, TensorSpec, assigned
from .images import CHANNELS, FileSource, ImageForm, ImageSource, can_have_channels, image_form
from .sources import Source


def fitted(
    case: Case, sources: dict[str, Source], signature: Signature | None, implied: Preprocess | None = None
) -> dict[str, Source]:
    """Return the examples of each input as the case's model takes them.

    Image files, and 8-bit arrays of images, are resized; other arrays only where the case gives a size. All that is
    no image stays as it is.

    Args:
        case: that the data are for.
        sources: of each input of the data.
        signature: what the model takes; None where it is built for the data as they are.
        implied: what the model's file says of pixels, where the case does not; done to images of 8 bits alone, and
            left where it does not fit the input, or where that takes pixels of 8 bits as they are.

    Raises:
        CaseDefinitionError: the size is not the model's, or none is known.
        DatasetError: images cannot be given in the form that the model takes.
    """
    inputs = assigned(signature.inputs, list(sources)) if signature else {}
    prepared = {name: _fitted(case, source, inputs.get(name), implied) for name, source in sources.items()}
    if case.preprocess and not any(isinstance(source, ImageSource) for source in prepared.values()):
        raise CaseDefinitionError(f"case: preprocess: {case.dataset} has no images that {case.model} takes as such")
    if image_sides(case.size) and not any(map(_may_be_image, prepared.values())):
        raise CaseDefinitionError(
            f"case: size = {case.size!r}: {case.dataset} has no images that {case.model} takes as such; leave size out"
        )
    return prepared


def _fitted(case: Case, source: Source, wanted: TensorSpec | None, implied: Preprocess | None) -> Source:
    if wanted is None:
        return _as_they_are(case, source)
    treatment = case.preprocess or (implied if _fits(implied, source, wanted) else None)
    form = image_form(wanted, treatment)
    if isinstance(source, FileSource) and form is None:
        raise DatasetError(f"data set {case.dataset}: holds images, {case.model} takes {wanted}")
    if form is None or not _may_be_image(source):
        return source
    if treatment is None and (source.spec.shape == wanted.shape or _is_as_wanted(case, source, wanted)):
        return source
    if treatment is None and source.spec.dtype != "uint8" and wanted.dtype == "uint8":
        return source  # which is said to be no image for that model
    height, width, channels, channels_first = form
    if treatment:
        if reason := _why_not(treatment, channels):
            raise CaseDefinitionError(f"case: preprocess: {case.model} takes {wanted}{reason}")
        channels = treatment.channel_count if channels is None else channels
    _check_channels(case, source, channels)
    return ImageSource(source, ImageForm(*_sides(case, (height, width), source), channels, channels_first, treatment))


def _is_as_wanted(case: Case, source: Source, wanted: TensorSpec) -> bool:
    """Whether numbers that are no pixels of 8 bits have a shape that the model takes, and the case gives no size."""
    own = source.spec
    if own.dtype == "uint8" or image_sides(case.size) is not None or len(own.shape) != len(wanted.shape):
        return False
    return all(side in (None, given) for side, given in zip(wanted.shape, own.shape, strict=True))


def _fits(implied: Preprocess | None, source: Source, wanted: TensorSpec) -> bool:
    """Whether what a file says of its pixels can be so of these images."""
    form = image_form(wanted, implied)
    if implied is None or form is None or source.spec.dtype != "uint8":
        return False
    # what is said of 8 bits is of the floats that these stand for; TFLite's own library gives such an input pixels
    is_of_floats = wanted.dtype == "uint8" and implied.is_arithmetic
    return not is_of_floats and not _why_not(implied, form[2])


def _as_they_are(case: Case, source: Source) -> Source:
    """Examples for a model that is built for them; images at the case's size, where it has one."""
    sides, treatment = image_sides(case.size), case.preprocess
    if not sides and isinstance(source, FileSource):
        raise CaseDefinitionError(
            f"case: size = {case.size!r}: images in files have sizes of their own; write size=N (pixels)"
        )
    if not _may_be_image(source) or not (sides or treatment):
        return source
    height, width = sides or source.spec.shape[:2]
    if height is None or width is None:
        raise CaseDefinitionError(f"case: size = {case.size!r}: the images have several sizes; write size=N (pixels)")
    channels = treatment.channel_count if treatment else None
    channels_first = treatment is not None and treatment.layout == "nchw"
    _check_channels(case, source, channels)
    return ImageSource(source, ImageForm(height, width, channels, channels_first, treatment))


def _why_not(treatment: Preprocess, channels: int | None) -> str:
    """Why a treatment does not make images of as many channels as a model takes; empty where it does."""
    if treatment.layout and channels not in (None, 0, *CHANNELS):
        return f", which is not {treatment.layout}"
    count = treatment.channel_count
    if count is not None and channels is not None and count != (channels or 1):
        return f", and gets {count} channel{'s' if count > 1 else ''}"
    return ""


def _may_be_image(source: Source) -> bool:
    spec = source.spec
    return isinstance(source, FileSource) or (len(spec.shape) in (2, 3) and spec.dtype not in ("string", "bool"))


def _sides(case: Case, own: tuple[int | None, int | None], source: Source) -> tuple[int, int]:
    """Return height and width that images are given."""
    given = image_sides(case.size)
    where = f"case: size = {case.size!r}: {case.model}"
    if given is None:
        if own[0] is None or own[1] is None:
            raise CaseDefinitionError(f"{where} takes images of any size; write size=N (pixels)")
        has = source.spec.shape[:2]
        if source.spec.dtype != "uint8" and has != own:
            raise CaseDefinitionError(
                f"{where} takes {own[0]} x {own[1]}, the data are {source.spec.dtype} {has[0]} x {has[1]}; "
                f"if they are images, write size={size_text(own[0], own[1])} to have them resized"
            )
        return own[0], own[1]
    if any(side not in (None, wanted) for side, wanted in zip(own, given, strict=True)):
        height, width = own[0] or given[0], own[1] or given[1]
        text = size_text(height, width)
        raise CaseDefinitionError(f"{where} takes images of {height} x {width} pixels; write size={text} or size='own'")
    return given


def size_text(height: int, width: int) -> str:
    """Return a size as a case has it: ``96``, or ``96x128`` (height x width)."""
    return str(height) if height == width else f"{height}x{width}"


def _check_channels(case: Case, source: Source, channels: int | None) -> None:
    """Refuse images that cannot be given the channels that a model takes; None where it takes any."""
    spec = source.spec
    own = spec.shape[2] if len(spec.shape) == 3 else 1
    if not can_have_channels(own, 1 if channels == 0 else channels):
        raise DatasetError(
            f"data set {case.dataset}: images have {own} channels, {case.model} takes {channels}; "
            "give the data as the model takes them"
        )
