from __future__ import annotations

import io

import h5py
import numpy as np
import pytest

from pytest_opml.techniques.packed_floats import form_of, write_packed
from pytest_opml.techniques.shared_weights import round_mantissa


def read_back(values: np.ndarray) -> np.ndarray:
    form = form_of(values)
    assert form is not None
    target = io.BytesIO()
    with h5py.File(target, "w") as file:
        write_packed(file, "layer/vars/0", values, form)
    with h5py.File(target) as file:
        data = file["layer/vars/0"]
        assert data.id.get_storage_size() == form.bytes * values.size
        return np.asarray(data[()], dtype=np.float32)


@pytest.mark.parametrize("scale", [1e-30, 1e-3, 1.0, 1000.0])
@pytest.mark.parametrize("bits", [0, 1, 3, 4, 8])
def test_values_of_few_digits_are_read_back_exactly(scale: float, bits: int) -> None:
    random = np.random.default_rng(bits)
    table = round_mantissa((random.uniform(0.1, 1, 16) * scale).astype(np.float32), bits)
    values = np.append(random.choice([-1.0, 1.0], 99) * random.choice(table, 99), 0).astype(np.float32).reshape(4, 25)
    assert np.array_equal(read_back(values), values)


@pytest.mark.parametrize("values", [[0.0, 0.0], [5.0], [-8.0, 96.0], [2.0**60, 2.0**-60]])
def test_whole_numbers_zeros_and_wide_ranges_too(values: list[float]) -> None:
    array = np.array(values, dtype=np.float32)
    assert np.array_equal(read_back(array), array)


@pytest.mark.parametrize("values", [[0.1, 0.2], [np.nan], [np.inf, 1.0], [1e-42]])
def test_what_needs_more_than_two_bytes_has_no_form(values: list[float]) -> None:
    assert form_of(np.array(values, dtype=np.float32)) is None
