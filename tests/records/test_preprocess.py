from __future__ import annotations

import pickle
from typing import Any

import pytest

from pytest_opml import Case, Preprocess
from pytest_opml.errors import CaseDefinitionError
from pytest_opml.records.case_record import CaseRecord

IMAGENET = Preprocess(scale=1 / 255, mean=[0.485, 0.456, 0.406], std=(0.229, 0.224, 0.225), layout="nchw")


@pytest.mark.parametrize(
    ("fields", "reason"),
    [
        ({"scale": "1"}, "scale = '1': must be a number, or a list with one number for each channel"),
        ({"scale": True}, "scale = True: must be a number"),
        ({"scale": 0}, "scale = 0: must not be 0"),
        ({"std": [1, 0, 1]}, "std = [1, 0, 1]: must not be 0"),
        ({"mean": []}, "mean = []: must be a number"),
        ({"mean": [1, "2"]}, "mean = [1, '2']: must be a number"),
        ({"mean": float("nan")}, "mean = nan: must be a finite number"),
        ({"mean": [1, 2], "std": [1, 2, 3]}, "scale, mean and std must each be a number or have one for each channel"),
        ({"mean": [1, 2, 3], "channels": "grey"}, "scale, mean and std must each be a number or have one for each"),
        ({"channels": "RGB"}, "channels = 'RGB': must be 'rgb', 'bgr' or 'grey'"),
        ({"layout": "hwc"}, "layout = 'hwc': must be 'nhwc' or 'nchw'"),
        ({"resize": "fill"}, "resize = 'fill': must be 'stretch', 'crop' or 'pad'"),
        ({"interpolation": "lanczos"}, "interpolation = 'lanczos': must be 'bilinear', 'bicubic' or 'nearest'"),
        ({"crop_share": 0.875}, 'crop_share = 0.875 goes with resize="crop", not with "stretch"'),
        ({"crop_share": 1.5, "resize": "crop"}, "crop_share = 1.5: must be at most 1"),
        ({"crop_share": "1", "resize": "crop"}, "crop_share = '1': must be a number"),
        ({"colour": "rgb"}, "colour = 'rgb': is no part of it; known: scale, mean, std, channels, layout, resize, "),
    ],
)
def test_what_cannot_be_is_one_line(fields: dict[str, Any], reason: str) -> None:
    with pytest.raises(CaseDefinitionError) as caught:
        Preprocess(**fields)
    assert str(caught.value).startswith(f"preprocess: {reason}")
    assert "\n" not in str(caught.value)


def test_numbers_become_floats_and_lists_tuples() -> None:
    treatment = Preprocess(scale=2, mean=[1, 2, 3], crop_share=1)
    assert (treatment.scale, treatment.mean) == (2.0, (1.0, 2.0, 3.0))
    assert type(treatment.scale) is type(treatment.crop_share) is float


def test_it_says_what_it_makes_of_pixels() -> None:
    assert not Preprocess(channels="bgr", layout="nchw").is_arithmetic
    assert IMAGENET.is_arithmetic
    counts = [one.channel_count for one in (Preprocess(), IMAGENET, Preprocess(channels="grey"), Preprocess(mean=3))]
    assert counts == [None, 3, 1, None]


def test_a_case_holds_it_whole_and_its_id_a_digest() -> None:
    case = Case(dataset="digits", model="small_cnn", preprocess=IMAGENET)
    assert case.id == f"digits/small_cnn/top1/baseline/preprocess={IMAGENET.digest}"
    assert len(IMAGENET.digest) == 6
    assert Preprocess().digest != IMAGENET.digest
    for copy in (
        CaseRecord.model_validate_json(case.model_dump_json()),
        Case(**case.model_dump()),
        pickle.loads(pickle.dumps(case)),
    ):
        assert copy == case
        assert hash(copy) == hash(case)
        assert copy.preprocess == IMAGENET
        assert copy.id == case.id
    with pytest.raises(CaseDefinitionError, match="is a digest, from which no case can be made"):
        CaseRecord.parse(case.id)


def test_a_wrong_one_in_a_case_is_refused_with_its_reason() -> None:
    with pytest.raises(CaseDefinitionError, match="preprocess: scale = 0: must not be 0"):
        Case(dataset="digits", model="small_cnn", preprocess={"scale": 0})
    with pytest.raises(CaseDefinitionError, match="case: preprocess = 3"):
        Case(dataset="digits", model="small_cnn", preprocess=3)
