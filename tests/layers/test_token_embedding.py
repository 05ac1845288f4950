"""One table of embeddings may serve the source, the target and the logits."""

import keras
import numpy as np
import pytest

from keras_attention.layers.token_embedding import (
    FEW_ROWS,
    check_one_vocabulary,
    embed,
    tied_logits,
    token_embedding,
)
from tests.support import to_numpy


def test_embeddings_have_about_length_one():
    embedding = token_embedding(500, 64, "float32", "table")
    embedding.build((None, None))
    lengths = np.linalg.norm(to_numpy(embedding.embeddings), axis=1)
    assert abs(lengths.mean() - 1) < 0.05


@pytest.mark.parametrize(
    "dtype", ["float32", "mixed_float16", "mixed_bfloat16", "float16", "bfloat16"]
)
def test_tied_logits_are_dot_products_with_the_table_in_float32(dtype):
    embedding = token_embedding(7, 4, dtype, "table")
    embedding.build((None, None))
    compute_dtype = keras.dtype_policies.get(dtype).compute_dtype
    features = embed(embedding, np.array([[1, 2, 5]]), compute_dtype)
    assert keras.backend.standardize_dtype(features.dtype) == compute_dtype
    table = to_numpy(embedding.embeddings)
    np.testing.assert_allclose(to_numpy(features)[0], table[[1, 2, 5]], rtol=1e-2)
    logits = tied_logits(embedding, features)
    assert keras.backend.standardize_dtype(logits.dtype) == "float32"
    # To float32's own precision, of features that may have less.
    expected = to_numpy(features)[0] @ table.T
    np.testing.assert_allclose(to_numpy(logits)[0], expected, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("rows", [1, FEW_ROWS, FEW_ROWS + 1])
@pytest.mark.parametrize("with_bias", [False, True])
def test_tied_logits_of_few_rows_are_those_of_many(rows, with_bias):
    embedding = token_embedding(40, 6, "float32", "table")
    embedding.build((None, None))
    rng = np.random.default_rng(0)
    features = rng.normal(size=(rows, 6)).astype("float32")
    bias = rng.normal(size=40).astype("float32")
    logits = tied_logits(embedding, features, bias if with_bias else None)
    expected = features @ to_numpy(embedding.embeddings).T + with_bias * bias
    np.testing.assert_allclose(to_numpy(logits), expected, rtol=1e-5, atol=1e-6)


def test_a_row_of_logits_does_not_see_what_is_not_finite_in_another():
    embedding = token_embedding(40, 6, "float32", "table")
    embedding.build((None, None))
    features = np.ones((2, 6), "float32")
    features[0] = np.inf
    assert np.isfinite(to_numpy(tied_logits(embedding, features))[1]).all()


@pytest.mark.parametrize("dtype", ["mixed_float16", "float16"])
def test_tied_logits_do_not_overflow(dtype):
    embedding = token_embedding(7, 4, dtype, "table")
    embedding.build((None, None))
    embedding.embeddings.assign(np.full((7, 4), 300.0))
    features = keras.ops.full((1, 4), 300.0, dtype="float16")
    logits = to_numpy(tied_logits(embedding, features))
    np.testing.assert_allclose(logits, 360_000.0)


def test_one_table_needs_one_vocabulary():
    check_one_vocabulary(9, 9)
    with pytest.raises(ValueError, match="source_vocabulary_size=9, target_voc"):
        check_one_vocabulary(9, 8)
