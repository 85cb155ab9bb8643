"""The network of the bench file, by the names of its two inputs."""


def build(keras, inputs, *, weights: str):
    """Return the layers below the head, which the run adds for the two classes."""
    groups = [keras.layers.BatchNormalization()(inputs[name]) for name in ("mean", "worst")]
    x = keras.layers.Concatenate()(groups)
    x = keras.layers.Dense(32, activation="relu")(x)
    return keras.Model(inputs, x)
