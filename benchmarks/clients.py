"""What one client learns from its own examples, by how much clients differ, and what all of them together learn.

A frozen network is asked once; then a head is trained on what it gave for each client's examples. Printed is the mean
over the clients of the accuracy, the macro averages, and the recall of the class that is found least, on a test set
whose classes are of one size and on one whose classes are not. Nothing is timed.

Run as a program (``python benchmarks/clients.py``).
"""

from __future__ import annotations

import argparse
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from pytest_opml import registry
from pytest_opml.case import Case
from pytest_opml.datasets.raw import RawData
from pytest_opml.errors import DatasetError
from pytest_opml.measure.quality import assess
from pytest_opml.models.classifier import build_classifier
from pytest_opml.models.heads import HEAD
from pytest_opml.models.streams import predict
from pytest_opml.models.training import train
from pytest_opml.runner.case_data import load_data
from pytest_opml.runtimes.keras_configuration import configure

_SKEWS: Sequence[tuple[str, Mapping[str, float]]] = (
    ("alike", {}),
    ("client_label_skew=100", {"client_label_skew": 100.0}),
    ("client_label_skew=1", {"client_label_skew": 1.0}),
    ("client_label_skew=0.1", {"client_label_skew": 0.1}),
    ("client_quantity_skew=1", {"client_quantity_skew": 1.0}),
)
_TEST_SETS: Sequence[tuple[str, Mapping[str, float]]] = (("even test set", {}), ("label_skew=1", {"label_skew": 1.0}))


class Figures(NamedTuple):
    """What one trained model is worth, with the training examples and the classes among them."""

    examples: float
    classes: float
    accuracy: float
    recall: float
    precision: float
    f1: float
    least_recall: float


_FEATURES: dict[str, RawData] = {}


@registry.register("dataset", "network_features")
def stored_features(_: Path | None) -> RawData:
    """The data set of what the frozen network gave."""
    return _FEATURES["all"]


@registry.register("model", "head_alone")
def head_alone(keras: Any, *, inputs: Any, weights: str) -> Any:  # noqa: ARG001 - builders are given both
    """Nothing below the new head."""
    return inputs


def features_of(case: Case, data_dir: Path | None) -> RawData:
    """Return what the frozen network of a case gives for its examples, in the parts that they are divided into."""
    import keras

    data = load_data(case, data_dir)
    network = build_classifier(case, data.spec, keras)
    below = keras.Model(network.inputs, network.get_layer(HEAD).input)
    train_rows, test_rows = (predict(below, part, 128) for part in (data.x_train, data.x_test))
    return RawData(train_rows, data.y_train, data.classes, test_rows, data.y_test)


def measured(case: Case) -> Figures:
    """Train the model of a case and assess its answers to the test examples."""
    data = load_data(case, None)
    model, training = train(case, data)
    rows = predict(model, data.x_test, case.batch)
    quality = assess(rows, data.y_test, data.task, data.classes)
    right = rows.argmax(axis=1) == data.y_test
    recalls = [float(right[data.y_test == number].mean()) for number in range(len(data.classes))]
    shares = quality.accuracy, quality.recall, quality.precision, quality.f1
    if quality.accuracy is None or None in shares:
        raise SystemExit(f"data set {case.dataset}: its labels are no classes")
    of_classes = [share for share in shares[1:] if share is not None]
    classes = len(data.classes) - len(training.absent_classes)
    return Figures(len(data.y_train), classes, quality.accuracy.value, *of_classes, min(recalls))  # type: ignore[call-arg]


def _line(name: str, figures: Sequence[Figures]) -> str:
    means = Figures(*np.mean(figures, axis=0))
    shares = " | ".join(f"{share:.3f}" for share in means[2:])
    sizes = [int(one.examples) for one in figures]
    return f"| {name} | {min(sizes)} to {max(sizes)} | {means.classes:.1f} | {shares} |"


def main() -> None:
    """Print a table for each test set."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--dataset", default="digits")
    parser.add_argument("--data-dir", type=Path)
    parser.add_argument("--model", default="efficientnet_lite0")
    parser.add_argument("--size", type=int, default=64)
    parser.add_argument("--clients", type=int, default=10)
    parser.add_argument("--batch", type=int, default=16, help="small: a client has few steps in an epoch")
    options = parser.parse_args()
    configure()
    network = Case(dataset=options.dataset, model=options.model, size=options.size)
    _FEATURES["all"] = features_of(network, options.data_dir)
    common: dict[str, Any] = {"dataset": "network_features", "model": "head_alone", "weights": "none", "size": "own"}
    common |= {"clients": options.clients, "batch": options.batch}
    for test_set, thinned in _TEST_SETS:
        print(f"\n| {test_set} | examples | classes | accuracy | recall | precision | F1 | least recall |")
        print("|---|---|---|---|---|---|---|---|")
        print(_line("all together", [measured(Case(**common, **thinned))]), flush=True)
        for name, skew in _SKEWS:
            cases = [Case(**common, **thinned, **skew, client=number) for number in range(options.clients)]
            try:
                print(_line(name, [measured(case) for case in cases]), flush=True)
            except DatasetError as error:
                print(f"| {name} | {error} |", flush=True)


if __name__ == "__main__":
    main()
