"""Make models/digits.keras and digits.npz: a small network that knows the digits of scikit-learn."""

from pathlib import Path

import keras
import numpy as np
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split

keras.utils.set_random_seed(0)
images, labels = load_digits(return_X_y=True)
images = (images.reshape(-1, 8, 8, 1) / 16 * 255).astype(np.uint8)
x_train, x_test, y_train, y_test = train_test_split(images, labels, test_size=0.4, random_state=0, stratify=labels)
np.savez("digits.npz", x_train=x_train, y_train=y_train, x_test=x_test, y_test=y_test)

model = keras.Sequential(
    [
        keras.Input((8, 8, 1)),
        keras.layers.Rescaling(1 / 255),
        keras.layers.Conv2D(16, 3, padding="same", activation="relu"),
        keras.layers.Conv2D(32, 3, padding="same", activation="relu"),
        keras.layers.Flatten(),
        keras.layers.Dense(32, activation="relu"),
        keras.layers.Dense(10, activation="softmax"),
    ]
)
model.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"])
model.fit(x_train.astype("float32"), y_train, epochs=12, batch_size=64, verbose=0)
Path("models").mkdir(exist_ok=True)
model.save("models/digits.keras")
