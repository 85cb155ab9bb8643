"""The experiments of the paper by their names, which are markers of the suite and arguments of ``opml paper run``."""

from __future__ import annotations

EXPERIMENTS = {
    "table1": "sizes and layers of the networks",
    "table2": "recall, precision and F1, and the random reference",
    "table3": "times by the split into training and test images",
    "table4": "total times by technique",
    "table5": "ranking on CIFAR-10",
    "table6": "ranking on CIFAR-100",
    "table7": "size and preparation time by number of clusters",
    "figure3": "accuracy by epoch",
    "figure4": "accuracy by technique, layer transfer among them",
    "figure5": "accuracy by the number of layers trained",
    "figure6": "accuracy, time and size on CIFAR-10: that of table 5",
    "figure7": "accuracy, time and size on CIFAR-100: that of table 6",
    "figure8": "accuracy by number of clusters: that of table 7",
    "clients": "data of clients that are not alike",
}
