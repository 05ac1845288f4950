"""METEOR is that of the COCO toolkit, or says why it cannot be had."""

import shutil

import pytest

from keras_attention.evaluation import meteor
from keras_attention.evaluation.captions import score_captions
from keras_attention.evaluation.meteor import meteor_score
from tests.evaluation.published import PUBLISHED

needs_java = pytest.mark.skipif(shutil.which("java") is None, reason="METEOR is Java")


@pytest.mark.slow
@needs_java
@pytest.mark.parametrize("example", PUBLISHED, ids=lambda one: one["hypotheses"][0])
def test_meteor_is_what_others_published(example):
    pytest.importorskip("pycocoevalcap")
    scores = score_captions(example["hypotheses"], example["references"], meteor=True)
    assert scores.meteor / 100 == pytest.approx(example["scores"]["meteor"], abs=1e-6)
    assert "METEOR" in str(scores) and "meteor" in scores.as_dict()


def test_meteor_says_what_it_lacks(monkeypatch):
    monkeypatch.setattr(meteor, "find_spec", lambda name: None)
    with pytest.raises(ValueError, match=r"keras-attention-models\[coco\]"):
        score_captions(["a dog"], [["a dog"]], meteor=True)
    monkeypatch.setattr(meteor, "find_spec", lambda name: True)
    monkeypatch.setattr(meteor.shutil, "which", lambda name: None)
    with pytest.raises(ValueError, match="no java on PATH"):
        score_captions(["a dog"], [["a dog"]], meteor=True)


def test_meteor_tells_what_java_said(monkeypatch, tmp_path):
    pytest.importorskip("pycocoevalcap")
    java = tmp_path / "java"
    java.write_text("#!/bin/sh\necho 'no memory' >&2\nexit 1\n")
    java.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=":")
    with pytest.raises(ValueError, match="program failed.*no memory"):
        meteor_score([["a", "dog"]], [[["a", "dog"]]])
