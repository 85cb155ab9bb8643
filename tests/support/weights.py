"""Weights that were trained here, as far as a test needs them."""

from __future__ import annotations

from datetime import datetime, timezone
from pathlib import Path
from typing import Any

from pytest_opml.models.pretrained import store_weights
from pytest_opml.records.pretrained import PretrainedWeights
from pytest_opml.storage.digests import digest_file


def make_description(network: str, sha256: str, **fields: Any) -> PretrainedWeights:
    """What is said of weights."""
    values: dict[str, Any] = {
        "network": network,
        "sha256": sha256,
        "dataset": "pairs",
        "classes": 100,
        "size": 32,
        "examples": 1000,
        "test_examples": 200,
        "epochs": 2,
        "seed": 0,
        "accuracy": 0.75,
        "training_s": 12.0,
        "created": datetime(2026, 1, 31, tzinfo=timezone.utc),
        "versions": {"keras": "3.15"},
    }
    return PretrainedWeights(**values | fields)


def make_weights(network: str, cache_dir: Path, content: bytes = b"weights") -> Path:
    """Store a file in the place of a network's weights."""
    cache_dir.mkdir(exist_ok=True)
    file = cache_dir / "new.h5"
    file.write_bytes(content)
    return store_weights(file, make_description(network, digest_file(file)), cache_dir)
