"""Native one-dimensional k-means: whole networks, the exact optimum, and tensorflow-model-optimization.

Run as a program (``python benchmarks/kmeans.py [networks|optimum|tfmot]``, all three by default); the figures and the
machine are in ``docs/techniques.md``. Besides the extra ``tfmot`` it takes the packages ``ckwrap`` and ``kmeans1d``.
"""

from __future__ import annotations

import argparse
import multiprocessing
import resource
import statistics
import time
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from typing import Any

import numpy as np

CLUSTERS = 8192
# the paper's seconds and the bound set for this project
NETWORKS = {"resnet50": (2894, 15), "resnet101": (7800, 30)}


def _megabytes() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e3


def _alone(work: Callable[..., Any], *arguments: Any) -> Any:
    """The answer of a fresh process, so that its peak of memory is its own."""
    with ProcessPoolExecutor(1, mp_context=multiprocessing.get_context("spawn")) as process:
        return process.submit(work, *arguments).result()


def _weights(size: int, seed: int = 0) -> np.ndarray:
    """Bell-shaped with heavy tails, as trained kernels are."""
    return (np.random.default_rng(seed).standard_t(5, size) * 0.05).astype(np.float32)


def _network(name: str) -> tuple[float, float, float]:
    """Seconds, megabytes of the model, and the peak of megabytes over those that the process had without a model."""
    import keras

    from pytest_opml.case import Case
    from pytest_opml.models.applications import APPLICATIONS
    from pytest_opml.techniques.base import ModelState, TrainingContext
    from pytest_opml.techniques.cluster import Cluster
    from pytest_opml.techniques.kernels import kernels_of

    case = Case(model=name, dataset="digits", weights="none", technique=f"cluster-{CLUSTERS}")
    nothing: Any = None  # clustering looks at no images
    material = TrainingContext(case, nothing, nothing, 10, nothing)
    small = keras.Sequential([keras.Input((50,)), keras.layers.Dense(50_000)])
    Cluster(clusters=8).apply(ModelState(small), material)  # what is loaded on the first call
    del small
    before = _megabytes()
    model = APPLICATIONS[name](keras, 224, 3, weights="none")
    for seed, kernel in enumerate(kernels_of(model)):
        kernel.assign(_weights(int(np.prod(kernel.shape)), seed).reshape(kernel.shape))
    started = time.perf_counter()
    Cluster(clusters=CLUSTERS).apply(ModelState(model), material)
    return time.perf_counter() - started, model.count_params() * 4 / 1e6, _megabytes() - before


def networks() -> None:
    """All layers of the paper's two largest networks."""
    for name, (paper, bound) in NETWORKS.items():
        seconds, size, peak = _alone(_network, name)
        print(
            f"{name}, K = {CLUSTERS}: {seconds:.1f} s (bound {bound} s, the paper {paper} s); model {size:.1f} MB, "
            f"peak with the model {peak:.0f} MB, {peak / size:.2f} times the model (bound 3)",
            flush=True,
        )


def optimum(rounds: int) -> None:
    """The squared error above the least possible, by two independent implementations, and the time beside theirs."""
    import ckwrap
    import kmeans1d

    from pytest_opml.techniques.kmeans import cluster

    draws: dict[str, Callable[[np.random.Generator, int], np.ndarray]] = {
        "normal": lambda random, n: random.normal(size=n),
        "Laplace": lambda random, n: random.laplace(size=n),
        "t, 3 degrees": lambda random, n: random.standard_t(3, n),
        "uniform": lambda random, n: random.uniform(size=n),
        "two bells": lambda random, n: np.concatenate([random.normal(size=n // 2), random.normal(9, 0.1, n - n // 2)]),
        "one outlier": lambda random, n: np.append(random.normal(size=n - 1), 1e3),
    }
    for size in (2_000, 20_000, 100_000):
        for k in (8, 32, 64, 256):
            worst, gap, ours, theirs = 0.0, 0.0, [], []
            for name, draw in draws.items():
                for seed in range(rounds):
                    values = draw(np.random.default_rng([seed, len(name)]), size).astype(np.float32)
                    started = time.perf_counter()
                    error = cluster(values, k).error
                    between = time.perf_counter()
                    optimum = kmeans1d.cluster(values.astype(np.float64), k)
                    ours.append(between - started)
                    theirs.append(time.perf_counter() - between)
                    centroids, labels = np.array(optimum.centroids), np.array(optimum.clusters)
                    least = float(np.sum((centroids[labels] - values) ** 2))
                    worst = max(worst, error / least - 1)
                    if size <= 2_000:
                        least_of_ckwrap = float(ckwrap.ckmeans(values.astype(np.float64), k).withinss.sum())
                        gap = max(gap, abs(least_of_ckwrap / least - 1))
            checked = f", ckwrap and kmeans1d differ by {gap:.1e}" if size <= 2_000 else ""
            print(
                f"{size:,} values of {len(draws)} kinds, K = {k}: at most {worst:.3%} above the optimum, "
                f"{statistics.median(ours):.3f} s beside {statistics.median(theirs):.3f} s of kmeans1d{checked}",
                flush=True,
            )


def _ours(size: int, k: int) -> tuple[float, float, float]:
    from pytest_opml.techniques.kmeans import cluster

    cluster(_weights(1000), 8)
    weights, before = _weights(size), _megabytes()
    started = time.perf_counter()
    clustering = cluster(weights, k)
    shared = clustering.centroids[clustering.assign(weights)]
    seconds = time.perf_counter() - started
    return seconds, _megabytes() - before, float(np.sqrt(np.mean((shared - weights) ** 2)) / weights.std())


def _tfmot(size: int, k: int, start: str) -> tuple[float, float, float]:
    import tensorflow_model_optimization as tfmot
    import tf_keras

    clustering = tfmot.clustering.keras

    def clustered(weights: np.ndarray, count: int) -> np.ndarray:
        model = tf_keras.Sequential([tf_keras.layers.Dense(weights.shape[1], input_shape=weights.shape[:1])])
        model.layers[0].set_weights([weights, np.zeros(weights.shape[1], np.float32)])
        wrapped = clustering.cluster_weights(
            model,
            number_of_clusters=count,
            cluster_centroids_init=clustering.CentroidInitialization[start],
        )
        kernel: np.ndarray = clustering.strip_clustering(wrapped).layers[0].get_weights()[0]
        return kernel

    clustered(_weights(1000).reshape(10, -1), 8)
    weights, before = _weights(size).reshape(64, -1), _megabytes()
    started = time.perf_counter()
    shared = clustered(weights, k)
    seconds = time.perf_counter() - started
    return seconds, _megabytes() - before, float(np.sqrt(np.mean((shared - weights) ** 2)) / weights.std())


def tfmot(limit_gb: float) -> None:
    """The largest layer of ResNet50 that tensorflow-model-optimization can hold: it compares each weight with all K."""
    layers = [2_359_296, 2_097_152, 1_048_576, 589_824, 524_288, 262_144, 147_456, 131_072, 65_536, 36_864]
    for k, probe in ((CLUSTERS, layers[-1]), (64, layers[5])):
        # its memory grows with weights x K, so a small layer tells what the large ones would take
        mb_a_weight = _alone(_tfmot, probe, k, "LINEAR")[1] / probe
        size = next(size for size in layers if size * mb_a_weight < limit_gb * 1e3)
        print(
            f"K = {k}: tfmot takes {mb_a_weight * 1e6:,.0f} bytes a weight, so for ResNet50's largest layer "
            f"{layers[0] * mb_a_weight / 1e3:,.1f} GB; the largest layer below {limit_gb:g} GB has {size:,} weights"
        )
        rivals = {
            "ours": (_ours, size, k),
            "tfmot from evenly spaced centroids": (_tfmot, size, k, "LINEAR"),
            "tfmot from k-means++, its default": (_tfmot, size, k, "KMEANS_PLUS_PLUS"),
        }
        for name, call in rivals.items():
            seconds, peak, error = _alone(*call)
            print(
                f"  {name}: {seconds:.2f} s, {peak:,.0f} MB, root-mean-square error {error:.5f} of the weights' spread"
            )


def main() -> None:
    """Print the figures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("parts", nargs="*", metavar="PART", help="networks, optimum, tfmot; all by default")
    parser.add_argument("--rounds", type=int, default=3, help="seeds of each kind of values")
    parser.add_argument("--limit-gb", type=float, default=12.0, help="memory that tfmot may take")
    options = parser.parse_args()
    parts = {
        "networks": networks,
        "optimum": lambda: optimum(options.rounds),
        "tfmot": lambda: tfmot(options.limit_gb),
    }
    for name in options.parts or parts:
        if name not in parts:
            parser.error(f"{name}: not one of {', '.join(parts)}")
        parts[name]()


if __name__ == "__main__":
    main()
