"""One training on several devices of the node: each has the whole model, and a share of every batch.

The devices compute the gradients of their shares, and all of them take the sum. Since the loss of an example is divided
by the size of the whole batch, a step is that of one device with that batch, up to the order of additions. What depends
on the other examples of a batch depends on those of its share only: the statistics of batch normalisation that is
trained. What is random in a layer, such as dropout, is drawn on each device.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from typing import Any

from ..errors import DeviceError

Scope = Callable[[], AbstractContextManager[Any]]


def scope_of(devices: int) -> Scope:
    """Return what makes a context: models and learners that are made in it are trained on so many devices.

    These are the first GPUs that TensorFlow sees, or its logical CPUs where it sees no GPU.

    Raises:
        DeviceError: there are fewer.
    """
    if devices == 1:
        return nullcontext
    import tensorflow as tf

    kind = "GPU" if tf.config.list_logical_devices("GPU") else "CPU"
    there = [device.name for device in tf.config.list_logical_devices(kind)]
    if devices > len(there):
        raise DeviceError(
            f"devices = {devices}: TensorFlow has {len(there)} {kind}{'s' if len(there) > 1 else ''} here to train on; "
            f"write devices={len(there)}, or run it where there are {devices} GPUs of one kind"
        )
    # Between CPUs nothing is gained by TensorFlow's collective operations, which are for GPUs.
    exchange = None if kind == "GPU" else tf.distribute.ReductionToOneDevice()
    scope: Scope = tf.distribute.MirroredStrategy(there[:devices], exchange).scope
    return scope


def divided(batches: Any, strategy: Any) -> Any:
    """Return batches as Keras gives them to the devices of a strategy: each as equal shares, one for each of them.

    Where a batch cannot be divided, examples of it are there a second time, so that no device is without any, and do
    not count: each example has a weight, one over the size of the batch, or zero.

    Args:
        batches: a ``tf.data.Dataset`` of (inputs, targets), in another order in every pass.
        strategy: of TensorFlow's.

    Returns:
        Pass after pass without an end. Between passes that end Keras would begin one that it does not use, and the
        order of the next would not be that of one device.
    """
    import tensorflow as tf

    devices = strategy.num_replicas_in_sync

    def shares(inputs: Any, targets: Any) -> Any:
        count = tf.shape(targets)[0]
        length = (count + devices - 1) // devices
        places = tf.reshape(tf.range(length * devices), (devices, length))
        weights = tf.where(places < count, 1 / tf.cast(count, tf.float32), 0.0)
        taken = tf.nest.map_structure(lambda tensor: tf.gather(tensor, places % count), (inputs, targets))
        return tf.data.Dataset.from_tensor_slices((*taken, weights))

    stream = batches.repeat().flat_map(shares)
    return strategy.distribute_datasets_from_function(lambda _: stream)
