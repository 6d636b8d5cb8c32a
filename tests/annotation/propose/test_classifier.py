from __future__ import annotations

import numpy as np
import pytest

from annotation.propose import evidence, pair_weights, sharpness, single_weights
from annotation.propose.classifier import Classifier


def test_it_is_a_rectified_layer_and_a_logistic_output() -> None:
    rng = np.random.default_rng(0)
    mean, deviation = rng.normal(size=3), rng.uniform(0.5, 2, 3)
    hidden, bias, output = rng.normal(size=(3, 4)), rng.normal(size=4), rng.normal(size=4)
    classifier = Classifier(
        ("a", "b", "c"),
        tuple(mean),
        tuple(deviation),
        tuple(map(tuple, hidden)),
        tuple(bias),
        tuple(output),
        -0.3,
    )
    x = rng.normal(size=(300, 250, 3)).astype(np.float32)
    expected = 1 / (1 + np.exp(-(np.maximum((x - mean) / deviation @ hidden + bias, 0) @ output - 0.3)))
    assert classifier.probability(x) == pytest.approx(expected, abs=1e-5)


def test_far_out_evidence_overflows_nothing() -> None:
    classifier = Classifier(("a",), (0.0,), (1.0,), ((1e4,),), (0.0,), (1e4,), 0.0)
    found = classifier.probability(np.array([[[-1e6], [1e6]]], np.float32))
    assert found[0, 0] == pytest.approx(0.5)
    assert found[0, 1] == pytest.approx(1.0)


def test_the_weights_are_those_of_the_evidence_that_is_measured() -> None:
    for weights, names in ((pair_weights, evidence.NAMES), (single_weights, sharpness.NAMES)):
        classifier = weights.CLASSIFIER
        assert classifier.names == names
        assert len(classifier.mean) == len(classifier.deviation) == len(classifier.hidden) == len(names)
        assert {len(row) for row in classifier.hidden} == {len(classifier.output)}
        assert min(classifier.deviation) > 0
