"""One table of embeddings may serve the source, the target and the logits."""

import numpy as np
import pytest

from keras_attention.layers.token_embedding import (
    check_one_vocabulary,
    tied_logits,
    token_embedding,
)
from tests.support import to_numpy


def test_embeddings_have_about_length_one():
    embedding = token_embedding(500, 64, "float32", "table")
    embedding.build((None, None))
    lengths = np.linalg.norm(to_numpy(embedding.embeddings), axis=1)
    assert abs(lengths.mean() - 1) < 0.05


@pytest.mark.parametrize("dtype", ["float32", "mixed_float16"])
def test_tied_logits_are_dot_products_with_the_table_in_float32(dtype):
    embedding = token_embedding(7, 4, dtype, "table")
    embedding.build((None, None))
    features = embedding(np.array([[1, 2, 5]]))
    logits = to_numpy(tied_logits(embedding, features))
    table = to_numpy(embedding.embeddings)
    assert logits.dtype == "float32"
    np.testing.assert_allclose(logits[0], table[[1, 2, 5]] @ table.T, atol=1e-2)


def test_one_table_needs_one_vocabulary():
    check_one_vocabulary(9, 9)
    with pytest.raises(ValueError, match="source_vocabulary_size=9, target_voc"):
        check_one_vocabulary(9, 8)
