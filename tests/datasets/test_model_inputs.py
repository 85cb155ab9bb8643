"""What a model's input makes of the data: images are resized, all else stays as it is."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from pytest_opml.case import Case
from pytest_opml.datasets.images import FileSource
from pytest_opml.datasets.model_inputs import fitted, size_text
from pytest_opml.datasets.sources import ArraySource, Source
from pytest_opml.errors import CaseDefinitionError, DatasetError
from pytest_opml.tensors import Signature, TensorSpec

MakeCase = Callable[..., Case]
RNG = np.random.default_rng(0)
COLOUR = RNG.integers(0, 256, (4, 9, 7, 3), dtype=np.uint8)
ALL = np.arange(4)


def fit(case: Case, examples: Any, *shape: int | None, dtype: str = "float32") -> np.ndarray:
    source: Source = ArraySource(examples) if isinstance(examples, np.ndarray) else FileSource(examples)
    return fitted(case, {"": source}, Signature((TensorSpec("image", shape, dtype),)))[""].read(ALL)


def test_images_get_the_size_and_the_channels_of_the_model(make_case: MakeCase) -> None:
    case = make_case(size="own")
    assert fit(case, COLOUR, 16, 12, 3).shape == (4, 16, 12, 3)
    assert fit(case, COLOUR[..., 0], 16, 12, 3).shape == (4, 16, 12, 3)
    assert fit(case, COLOUR, 16, 12, 1).shape == (4, 16, 12, 1)
    assert fit(case, COLOUR, 3, 16, 12).shape == (4, 3, 16, 12)
    assert fit(make_case(size="10x20"), COLOUR, None, None, 3).shape == (4, 10, 20, 3)
    assert fit(make_case(size=16), COLOUR, 3, None, None).shape == (4, 3, 16, 16)


def test_grey_is_the_luma_that_pillow_has(make_case: MakeCase) -> None:
    grey = fit(make_case(size="own"), COLOUR, 9, 7, 1)[..., 0]
    pillow = np.stack([np.asarray(Image.fromarray(image).convert("L")) for image in COLOUR])
    assert np.abs(grey.astype(int) - pillow).max() <= 1


def test_channels_first_is_the_same_image_turned(make_case: MakeCase) -> None:
    case = make_case(size="own")
    assert np.array_equal(fit(case, COLOUR, 3, 5, 6), np.moveaxis(fit(case, COLOUR, 5, 6, 3), -1, 1))


def test_files_are_read_at_the_model_s_size(tmp_path: Path, make_case: MakeCase) -> None:
    files = [tmp_path / f"{number}.png" for number in ALL]
    for path, image in zip(files, COLOUR, strict=True):
        Image.fromarray(image).save(path)
    case = make_case(size="own")
    assert np.array_equal(fit(case, files, 16, 12, 3), fit(case, COLOUR, 16, 12, 3))
    with pytest.raises(DatasetError, match=r"holds images, .* takes image float32 \(n, 30\)"):
        fit(case, files, 30)


@pytest.mark.parametrize("dtype", ["uint8", "int16", "uint16", "float32", "float16"])
def test_pixels_of_any_type_keep_their_type_and_range(make_case: MakeCase, dtype: str) -> None:
    top = 1.0 if dtype.startswith("float") else float(np.iinfo(dtype).max)
    flat = np.full((4, 8, 8, 3), top).astype(dtype)
    resized = fit(make_case(size=16), flat, 16, 16, 3)
    assert resized.dtype == dtype
    assert resized.min() == resized.max() == np.asarray(top).astype(dtype)


def test_what_fits_or_is_no_image_stays_as_it_is(make_case: MakeCase) -> None:
    case = make_case(size="own")
    for examples in (RNG.random((4, 30), dtype=np.float32), RNG.random((4, 8, 8, 3), dtype=np.float32)):
        assert np.array_equal(fit(case, examples, *examples.shape[1:]), examples)
    table = RNG.random((4, 30), dtype=np.float32)
    assert np.array_equal(fit(case, table, 31), table)  # which the model's check refuses
    spectrograms = RNG.random((4, 20, 10), dtype=np.float32)
    assert fit(case, spectrograms, 20, 10, 1).shape == (4, 20, 10, 1)


def test_numbers_that_are_no_8_bit_images_are_resized_on_request_only(make_case: MakeCase) -> None:
    with pytest.raises(CaseDefinitionError, match=r"takes 16 x 16, the data are float32 20 x 10; .* write size=16"):
        fit(make_case(size="own"), RNG.random((4, 20, 10), dtype=np.float32), 16, 16, 1)


def test_a_size_that_is_not_the_model_s_is_refused(make_case: MakeCase) -> None:
    with pytest.raises(CaseDefinitionError, match=r"size = 24: .* takes images of 16 x 12 pixels; write size=16x12"):
        fit(make_case(size=24), COLOUR, 16, 12, 3)
    with pytest.raises(CaseDefinitionError, match=r"size = 'own': .* takes images of any size; write size=N"):
        fit(make_case(size="own"), COLOUR, None, None, 3)
    with pytest.raises(DatasetError, match=r"images have 3 channels, .* takes 5"):
        fit(make_case(size="own"), COLOUR, 16, 16, 5)


def test_without_a_model_s_own_form_data_stay_unless_a_size_is_given(make_case: MakeCase) -> None:
    source = ArraySource(COLOUR[..., 0])
    assert fitted(make_case(size="own"), {"": source}, None)[""] is source
    assert fitted(make_case(size=16), {"": source}, None)[""].spec.shape == (16, 16, 1)
    with pytest.raises(CaseDefinitionError, match="images in files have sizes of their own; write size=N"):
        fitted(make_case(size="own"), {"": FileSource([Path("a.png")])}, None)


def test_a_size_for_data_that_are_no_images_is_refused(make_case: MakeCase) -> None:
    with pytest.raises(CaseDefinitionError, match=r"case: size = 32: .* has no images that .* takes as such"):
        fit(make_case(size=32), RNG.random((4, 30), dtype=np.float32), 30)


def test_a_size_is_written_as_a_case_has_it() -> None:
    assert (size_text(96, 96), size_text(96, 128)) == ("96", "96x128")


def test_numbers_of_a_shape_that_the_model_takes_stay_as_they_are(make_case: MakeCase) -> None:
    spectrograms = RNG.random((4, 1, 20, 257), dtype=np.float32)
    assert np.array_equal(fit(make_case(size="own"), spectrograms, 1, None, 257), spectrograms)
    images = RNG.random((4, 8, 8, 3), dtype=np.float32)
    assert fit(make_case(size=16), images, None, None, 3).shape == (4, 16, 16, 3)
