"""Transfer learning: training the top N layers of a model."""

from __future__ import annotations

import time
from contextlib import nullcontext
from typing import TYPE_CHECKING, Any

import numpy as np

from ..case import Case
from ..datasets.augmentation import Augmentation
from ..datasets.splits import InputSet, Split
from ..records.result import Epoch, Training
from .batches import Examples, compile_for_here, fit, frozen_parts, readable, steps_of
from .classifier import build_classifier
from .dtype_policy import under_policy
from .features import Features, features_of
from .head_first import train_head
from .heads import HEAD, TargetScale, ending_of, figure, figure_of_error
from .held_out import BestWeights, held_out
from .learner import Lesson, learner
from .logits import up_to_logits
from .losses import Figures, in_shares, label_loss, right_answers
from .mirrored import Scope, scope_of
from .normalization import fixed_statistics
from .optimizer import adamw
from .recipe import recipe_of, shares_of_rate
from .streams import compiled_call
from .unfreeze import NamedLayer, check_trained, fingerprints, unfreeze

if TYPE_CHECKING:
    import keras


def train(case: Case, data: Split, *, policy: str = "float32") -> tuple[keras.Model, Training]:
    """Build and train the model of a case.

    Args:
        case: says what to build and how to train it.
        data: to train on, and to report the quality after each epoch for.
        policy: Keras' dtype policy of every layer but the last.

    Raises:
        CaseDefinitionError: more layers were to be unfrozen than there are, or none can be.
        DeviceError: there are fewer devices than the case is to be trained on.
        ModelFileError: the weights are missing or not those of the architecture.
        TrainingError: a layer was not trained, or was left with weights that are no numbers.
    """
    import keras

    scope = scope_of(case.devices if case.unfreeze != 0 else 1)
    with scope():
        model = build_classifier(case, data.spec, keras)
        if policy != "float32":
            model = under_policy(model, policy).model
    trained = unfreeze(model, case.unfreeze)
    described = {
        "trained_layers": tuple(name for name, _ in trained),
        "trained_parameters": int(sum(np.prod(v.shape) for _, layer in trained for v in layer.trainable_weights)),
    }
    if not trained:
        return model, Training(training_s=0.0, training_mode="none", epochs=(), learning_rate=0.0, **described)
    before, scale = fingerprints(trained), TargetScale.of(data.task, data.y_train)
    fixing: Any = nullcontext([]) if case.recipe == "paper" else fixed_statistics(model)
    with fixing as fixed, readable(data.x_train), readable(data.x_test):
        course = _Course(case, data, model, trained, scale, scope)
        course.run(policy)
    check_trained(trained, before)
    scale.give_to(model.get_layer(HEAD))
    recipe = course.recipe.model_copy(update={"fixed_statistics": len(fixed)})
    return model, Training(
        training_s=course.seconds,
        training_mode=course.parts.mode,
        devices=case.devices,
        policy=policy,
        epochs=tuple(course.epochs),
        learning_rate=recipe.learning_rate,
        recipe=recipe,
        examples=len(data.y_train),
        absent_classes=data.absent_classes,
        **described,
    )


class _Course:
    """The training of one model: the head, then the layers; the figures after each epoch, and how long it took."""

    def __init__(
        self,
        case: Case,
        data: Split,
        model: keras.Model,
        trained: list[NamedLayer],
        scale: TargetScale,
        scope: Scope,
    ) -> None:
        started = time.perf_counter()
        self._case, self._data, self._model, self._trained, self._scope = case, data, model, trained, scope
        self.parts = frozen_parts(up_to_logits(model), data.x_train)
        self.recipe = recipe_of(case, len(trained), data.task, whole=self.parts.frozen is None)
        self._figures = Figures(data.task, ending_of(model), data.spec.outputs, model.name)
        augment = self.recipe.augment
        self._augmentation = Augmentation(augment, case.seed) if augment else None
        rows = _in_rows(scale, data.y_train)
        self._rows = in_shares(self._figures, rows) if self._augmentation and self._augmentation.mixes else rows
        self._test_rows = scale.scaled(data.y_test)
        self.epochs: list[Epoch] = []
        self.seconds = time.perf_counter() - started
        self._watching = 0.0

    def run(self, policy: str) -> None:
        """Train the model, changed in place."""
        started, case, student = time.perf_counter(), self._case, self.parts.trained
        examples = Examples(self._inputs(self._data.x_train, augmented=True), self._rows, self._augmentation)
        mask = held_out(len(self._rows), case.seed) if case.patience else np.zeros(len(self._rows), dtype=bool)
        training = examples.subset(np.flatnonzero(~mask)) if mask.any() else examples
        self._test = self._inputs(self._data.x_test, augmented=False)
        lesson = Lesson(label_loss(self._figures, self.recipe.label_smoothing), label_width=self._rows.shape[1])
        if self.recipe.head_epochs:
            with self._scope():
                train_head(self._model, student, training, lesson, self.recipe, case)
            unfreeze(self._model, case.unfreeze)
        with self._scope():
            self._learner = learner(student, lesson, self._metric())
            compile_for_here(self._learner, self._optimizer(len(training.targets), policy))
        self._answer = compiled_call(self._learner)
        watched = self._learner if case.devices == 1 else _on_one_device(learner(student, lesson))
        best = BestWeights(self._model, examples.subset(np.flatnonzero(mask)) if mask.any() else None, case.patience)

        def after_epoch(number: int, logs: dict[str, float]) -> bool:
            self._note(logs)
            return best.look(watched, student, case.batch, number + 1)

        stream = training.in_training(student, case.batch, case.seed)
        fit(self._learner, stream, steps_of(len(training.targets), case.batch), case.epochs, on_epoch_end=after_epoch)
        best.restore()
        views = len(examples.inputs.views) if isinstance(examples.inputs, Features) else 0
        self.recipe = self.recipe.model_copy(
            update={"views": views, "held_out": int(mask.sum()), "best_epoch": best.epoch}
        )
        self.seconds += time.perf_counter() - started - self._watching

    def _inputs(self, inputs: InputSet, *, augmented: bool) -> InputSet | Features:
        """The examples themselves, or what the frozen layers make of them."""
        if self.parts.frozen is None:
            return inputs
        started = time.perf_counter()
        changes = self._augmentation if augmented else None
        features = features_of(self.parts.frozen, inputs, self._case.batch, augmentation=changes)
        if not augmented:
            self._watching += time.perf_counter() - started
        return features

    def _metric(self) -> Any:
        import keras

        return keras.metrics.MeanMetricWrapper(right_answers(self._figures), name="figure")

    def _optimizer(self, count: int, policy: str) -> Any:
        import keras

        recipe, steps = self.recipe, self._case.epochs * steps_of(count, self._case.batch)
        if recipe.optimizer == "adam":
            optimizer: Any = keras.optimizers.Adam(recipe.learning_rate)
        else:
            shares = shares_of_rate(self._model, self._trained, recipe.layer_decay) if recipe.layer_decay < 1 else None
            optimizer = adamw(
                self._learner.trainable_variables,
                recipe.learning_rate,
                steps,
                warm_up=recipe.warm_up,
                weight_decay=recipe.weight_decay,
                shares=shares,
            )
        # small gradients would be zero in half precision
        return keras.optimizers.LossScaleOptimizer(optimizer) if policy == "mixed_float16" else optimizer

    def _note(self, logs: dict[str, float]) -> None:
        """Take down the figures of an epoch, and work out that on the test examples."""
        started, task, on_train = time.perf_counter(), self._data.task, float(logs["figure"])
        test = Examples(self._test, np.zeros((len(self._test), 1), np.float32))
        logits = np.concatenate(
            [np.asarray(self._answer(x)) for x, _ in test.in_order(self.parts.trained, self._case.batch)]
        )
        answers = 1 / (1 + np.exp(-logits)) if task == "multilabel" else logits
        self.epochs.append(
            Epoch(
                train_accuracy=figure_of_error(on_train) if task == "regression" else on_train,
                test_accuracy=figure(task, answers, self._test_rows),
            )
        )
        self._watching += time.perf_counter() - started


def _on_one_device(watched: keras.Model) -> keras.Model:
    """A learner that was made outside of the scope of several devices, to take losses and not to train."""
    watched.compile(jit_compile=False)
    return watched


def _in_rows(scale: TargetScale, labels: Any) -> Any:
    return scale.scaled(labels).reshape(len(labels), -1).astype(np.float32)
