"""Make tumours.npz: 569 patients of scikit-learn's breast cancer data, each with two groups of ten figures."""

import numpy as np
from sklearn.datasets import load_breast_cancer
from sklearn.model_selection import train_test_split

figures, labels = load_breast_cancer(return_X_y=True)
figures = figures.astype(np.float32)
train, test = train_test_split(np.arange(len(labels)), test_size=0.4, random_state=0, stratify=labels)
radius = figures[:, 0]
np.savez(
    "tumours.npz",
    **{"x_train.mean": figures[train, :10], "x_train.worst": figures[train, 20:], "y_train": labels[train]},
    **{"x_test.mean": figures[test, :10], "x_test.worst": figures[test, 20:], "y_test": labels[test]},
    **{"columns_test.size": np.where(radius[test] < np.median(radius), "small", "large")},
    classes=np.array(["malignant", "benign"]),
)
