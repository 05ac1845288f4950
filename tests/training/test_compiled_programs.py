"""An epoch of `fit` compiles no more programs than there are batch shapes."""

import keras

from tests.training.compiled_programs import count_programs, random_batches

SIZES = {"num_layers": 1, "model_dim": 8, "num_heads": 2, "feed_forward_dim": 8}


def test_an_epoch_compiles_a_handful_of_programs():
    batches = random_batches(120, 20, 30, tokens_per_batch=128, max_shapes=3)
    num_shapes = len(batches.shapes)
    assert num_shapes == 3
    assert len(batches) > 2 * num_shapes
    found = count_programs(batches, 30, **SIZES)

    # TensorFlow's programs leave open what differs between shapes.
    most = 1 if keras.backend.backend() == "tensorflow" else num_shapes
    assert found == {"training": most, "validation": most}
