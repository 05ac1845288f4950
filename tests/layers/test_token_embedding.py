"""One table of embeddings may serve the source, the target and the logits."""

import keras
import numpy as np
import pytest

from keras_attention.layers.token_embedding import (
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
