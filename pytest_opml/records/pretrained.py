"""Weights that were trained on this machine for cases to start from, as they are described beside their file."""

from __future__ import annotations

from pydantic import Field

from .base import Moment, Named, Record


class PretrainedWeights(Record):
    """How weights came about, and how good the network was that they are of."""

    network: str
    sha256: str = Field(description="of the file with the weights")
    dataset: str = Field(description="that the network was trained on")
    classes: int = Field(ge=2, description="of the data, which the classifier that was taken off told apart")
    size: int = Field(ge=1, description="height and width of the images, pixels")
    examples: int = Field(ge=1, description="training examples")
    test_examples: int = Field(ge=1)
    epochs: int = Field(ge=1, description="passes over the training examples")
    seed: int
    accuracy: float = Field(ge=0, le=1, description="share of the test examples that the whole network answered right")
    training_s: float = Field(ge=0, description="seconds that training took, without evaluation on test examples")
    created: Moment
    versions: Named[str] = Field(description="of Python and the packages that it was trained with")
