"""Native one-dimensional k-means: whole networks, the exact optimum, and tensorflow-model-optimization.

Run as a program (``python benchmarks/kmeans.py [networks|optimum|tfmot]``, all three by default); the figures and the
machine are in ``docs/techniques.md``. It takes the packages ``ckwrap`` and ``kmeans1d``.
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
# Above this kmeans1d takes more than half a minute for one draw.
MOST_PRODUCT = 26_000_000
# Errors below this share of the squared values are differences of rounding.
DIGITS = 1e-9

Draw = Callable[[np.random.Generator, int], np.ndarray]


def _tight(random: np.random.Generator, size: int) -> np.ndarray:
    """A group for each 40 values, each ten thousandths wide."""
    places = random.normal(size=max(4, size // 40)) * 3
    return places[random.integers(0, places.size, size)] + random.normal(0, 1e-4, size)


def _tight300(random: np.random.Generator, size: int) -> np.ndarray:
    """300 such groups."""
    places = random.uniform(-1, 1, 300)
    return places[random.integers(0, 300, size)] + random.normal(0, 1e-4, size)


def _uneven(random: np.random.Generator, size: int) -> np.ndarray:
    """200 groups of very different sizes and widths."""
    places = random.standard_t(2, 200)
    shares = random.pareto(1.0, 200) + 0.01
    chosen = places[random.choice(200, size, p=shares / shares.sum())]
    return chosen + random.normal(0, 1, size) * 10.0 ** random.uniform(-5, -2, size)


SHAPES: dict[str, Draw] = {
    "normal": lambda random, n: random.normal(size=n),
    "laplace": lambda random, n: random.laplace(size=n),
    "t3": lambda random, n: random.standard_t(3, n),
    "uniform": lambda random, n: random.uniform(size=n),
    "two bells": lambda random, n: np.concatenate([random.normal(size=n // 2), random.normal(9, 0.1, n - n // 2)]),
    "outlier": lambda random, n: np.append(random.normal(size=n - 1), 1e3),
    "near zero": lambda random, n: np.where(random.random(n) < 0.99, random.normal(0, 1e-3, n), random.normal(0, 1, n)),
    "tight": _tight,
    "tight300": _tight300,
    "bimodal": lambda random, n: np.where(random.random(n) < 0.5, random.normal(-3, 0.1, n), random.normal(3, 0.1, n)),
    "pareto": lambda random, n: random.pareto(1.5, n),
    "pareto1": lambda random, n: random.pareto(1.0, n),
    "cauchy": lambda random, n: random.standard_cauchy(n),
    "uneven tight": _uneven,
    "combs": lambda random, n: (
        random.integers(-600, 600, n) / 100 + random.normal(0, 1e-6, n) * (random.random(n) < 0.5)
    ),
    "scales": lambda random, n: random.choice([-1, 1], n) * 10.0 ** random.uniform(-6, 0, n),
    "spike": lambda random, n: np.concatenate([random.laplace(0, 1e-5, n - n // 50), random.uniform(-1, 1, n // 50)]),
    "lognormal": lambda random, n: random.lognormal(0, 2, n),
    "int8 grid": lambda random, n: np.round(random.normal(0, 40, n) * 8) / 8,
    "exponential": lambda random, n: random.exponential(size=n),
}


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

    for size in (2_000, 20_000, 100_000, 2_000_000):
        for k in (8, 32, 128, 256, 1024):
            if size * k > MOST_PRODUCT:
                continue
            worst, gap, ours, theirs = (0.0, ""), 0.0, [], []
            for name, draw in SHAPES.items():
                for seed in range(rounds):
                    values = draw(np.random.default_rng([seed, len(name)]), size).astype(np.float32)
                    if np.unique(values).size <= k:
                        continue
                    started = time.perf_counter()
                    error = cluster(values, k).error
                    between = time.perf_counter()
                    optimum = kmeans1d.cluster(values.astype(np.float64), k)
                    ours.append(between - started)
                    theirs.append(time.perf_counter() - between)
                    centroids, labels = np.array(optimum.centroids), np.array(optimum.clusters)
                    least = float(np.sum((centroids[labels] - values) ** 2))
                    worst = max(worst, (error / least - 1, name))
                    if size <= 2_000 and least > DIGITS * float(np.dot(values, values.astype(np.float64))):
                        least_of_ckwrap = float(ckwrap.ckmeans(values.astype(np.float64), k).withinss.sum())
                        gap = max(gap, abs(least_of_ckwrap / least - 1))
            checked = f", ckwrap and kmeans1d differ by {gap:.1e}" if size <= 2_000 else ""
            print(
                f"{size:,} values of {len(SHAPES)} kinds, K = {k}: at most {worst[0]:.3%} above the optimum "
                f"({worst[1]}), "
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
    parser.add_argument("--rounds", type=int, default=1, help="seeds of each kind of values")
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
