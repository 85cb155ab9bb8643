"""Data sets that Keras downloads where they are not in the data folder."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from ..addresses import environment_secrets, without_secrets
from ..errors import DatasetError, one_line
from .raw import RawData


def from_keras(name: str, classes: tuple[str, ...], data_dir: Path | None, layout: str) -> RawData:
    """Load a data set of ``keras.datasets``, from Keras' cache or the network.

    Args:
        name: of the module in ``keras.datasets``.
        classes: names of its classes.
        data_dir: where it was looked for before.
        layout: what could lie there instead, for the error.

    Raises:
        DatasetError: it cannot be downloaded; says what to put where.
    """
    import keras

    try:
        (x_train, y_train), (x_test, y_test) = getattr(keras.datasets, name).load_data()
    except Exception as error:  # Keras raises no narrower class for a failed download
        where = "the folder that --opml-data-dir names" if data_dir is None else str(data_dir)
        why = without_secrets(one_line(error), environment_secrets())  # a proxy's password may stand in it
        reason = f"Keras cannot provide it ({why}); put {layout} into {where}"
        raise DatasetError(f"data set {name}: {reason}") from error
    return RawData(x_train, np.reshape(y_train, -1), classes, x_test, np.reshape(y_test, -1))
