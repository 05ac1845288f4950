"""Models of every style that a server meets, small and with known outputs."""

import threading
import time

import numpy as np
import tensorflow as tf
from flatbuffers import flexbuffers
from tensorflow.lite.python import schema_py_generated as schema
from tensorflow.lite.tools import flatbuffer_utils

from keras_attention.serving.callers import Caller

v1 = tf.compat.v1


def export_half_plus_two(folder, width=1):
    """The well-known model, as TensorFlow 1 wrote it: y = x / 2 + 2, y3 = x / 2 + 3.

    Predict takes x; the other signatures read `tf.Example`s with a feature "x".
    """
    with tf.Graph().as_default(), v1.Session() as session:
        a = v1.get_variable("a", initializer=0.5)
        b = v1.get_variable("b", initializer=2.0)
        serialized = v1.placeholder(tf.string, [None], name="tf_example")
        spec = {"x": v1.FixedLenFeature([1], tf.float32, default_value=[0.0])}
        x = tf.identity(v1.parse_example(serialized, spec)["x"], name="x")
        y = tf.identity(a * x + b, name="y")
        y3 = tf.identity(a * x + b + 1.0, name="y3")
        classes = v1.constant([["small", "large"]])
        classes = tf.tile(classes, [tf.shape(serialized)[0], 1])
        scores = tf.concat([y, y3], axis=1)
        # A table with strings, which needs its legacy initialisation.
        table = tf.lookup.StaticVocabularyTable(
            tf.lookup.KeyValueTensorInitializer(
                ["one", "two"], [0, 1], value_dtype=tf.int64
            ),
            1,
        )
        word = v1.placeholder(tf.string, [None], name="word")
        index = table.lookup(word)
        session.run([v1.global_variables_initializer(), v1.tables_initializer()])
        info = v1.saved_model.build_tensor_info
        make = v1.saved_model.build_signature_def
        signatures = {
            "serving_default": make(
                {"x": info(x)}, {"y": info(y)}, "tensorflow/serving/predict"
            ),
            "regress_x_to_y": _regress(serialized, y),
            "regress_x_to_y3": _regress(serialized, y3),
            "regress_wrong_shape": _regress(serialized, scores),
            "classify_x_to_y": make(
                {"inputs": info(serialized)},
                {"scores": info(scores)},
                "tensorflow/serving/classify",
            ),
            "classify_words": make(
                {"inputs": info(serialized)},
                {"classes": info(classes), "scores": info(scores)},
                "tensorflow/serving/classify",
            ),
            "predict_many": make(
                {"x": info(x), "word": info(word)},
                {"y": info(y)},
                "tensorflow/serving/predict",
            ),
            "lookup": make(
                {"word": info(word)},
                {"index": info(index)},
                "tensorflow/serving/predict",
            ),
        }
        builder = v1.saved_model.builder.SavedModelBuilder(str(folder))
        builder.add_meta_graph_and_variables(
            session,
            ["serve"],
            signature_def_map=signatures,
            main_op=v1.tables_initializer(),
        )
        builder.save()


class HalfPlusTwo(tf.Module):
    """The same of TensorFlow 2, which gives each signature an input of its own."""

    @tf.function(input_signature=[tf.TensorSpec([None], tf.string, name="inputs")])
    def regress(self, inputs):
        spec = {"x": tf.io.FixedLenFeature([1], tf.float32, default_value=[0.0])}
        return {"outputs": tf.io.parse_example(inputs, spec)["x"] * 0.5 + 2.0}

    @tf.function(input_signature=[tf.TensorSpec([None], tf.string, name="inputs")])
    def classify(self, inputs):
        y = self.regress(inputs)["outputs"]
        return {"scores": tf.concat([y, y + 1.0], axis=1)}


class Parts(tf.Module):
    """Words of texts: ragged, sparse and padded, and how many there are."""

    @tf.function(input_signature=[tf.TensorSpec([None], tf.string, name="text")])
    def serve(self, text):
        words = tf.strings.split(text)
        return {
            "ragged": words,
            "sparse": words.to_sparse(),
            "padded": words.to_tensor(),
            "number": tf.cast(words.row_lengths(), tf.int32),
        }

    @tf.function(input_signature=[tf.RaggedTensorSpec([None, None], tf.float32)])
    def sums(self, x):
        return {"sum": tf.reduce_sum(x, axis=1)}


def export_sparse(folder):
    """Of TensorFlow 1: the sums of the rows of a sparse input."""
    with tf.Graph().as_default(), v1.Session() as session:
        x = v1.sparse_placeholder(tf.float32, [None, 3], name="x")
        total = tf.sparse.reduce_sum(x, axis=1)
        info = v1.saved_model.build_tensor_info
        signature = v1.saved_model.build_signature_def(
            {"x": info(x)}, {"y": info(total)}, "tensorflow/serving/predict"
        )
        builder = v1.saved_model.builder.SavedModelBuilder(str(folder))
        builder.add_meta_graph_and_variables(
            session, ["serve"], signature_def_map={"serving_default": signature}
        )
        builder.save()


def export_odd(folder, tags=("serve",)):
    """No variables; signatures that speak of what is not there; a string alone."""
    with tf.Graph().as_default(), v1.Session() as session:
        x = v1.placeholder(tf.float32, [None], name="x")
        text = v1.placeholder(tf.string, [], name="text")
        info = v1.saved_model.build_tensor_info
        make = v1.saved_model.build_signature_def
        missing = info(x)
        missing.name = "nowhere:0"
        signatures = {
            "serving_default": make({"x": info(x)}, {"y": info(2 * x)}),
            "no_output": make({"x": info(x)}, {"y": missing}),
            "no_input": make({"x": missing}, {"y": info(3 * x)}),
            "text": make({"text": info(text)}, {"same": info(tf.identity(text))}),
        }
        builder = v1.saved_model.builder.SavedModelBuilder(str(folder))
        builder.add_meta_graph_and_variables(
            session, list(tags), signature_def_map=signatures
        )
        builder.save()


def export_words(folder, words_file):
    """Finds words in a file, an asset, as TensorFlow 1 did: by its legacy operation."""
    with tf.Graph().as_default() as graph, v1.Session() as session:
        path = v1.constant(str(words_file), name="words_file")
        v1.add_to_collection(v1.GraphKeys.ASSET_FILEPATHS, path)
        initializer = tf.lookup.TextFileInitializer(
            path,
            tf.string,
            tf.lookup.TextFileIndex.WHOLE_LINE,
            tf.int64,
            tf.lookup.TextFileIndex.LINE_NUMBER,
        )
        table = tf.lookup.StaticHashTable(initializer, -1)
        word = v1.placeholder(tf.string, [None], name="word")
        index = table.lookup(word)
        info = v1.saved_model.build_tensor_info
        signature = v1.saved_model.build_signature_def(
            {"word": info(word)}, {"index": info(index)}, "tensorflow/serving/predict"
        )
        builder = v1.saved_model.builder.SavedModelBuilder(str(folder))
        builder.add_meta_graph_and_variables(
            session,
            ["serve"],
            signature_def_map={"serving_default": signature},
            assets_collection=graph.get_collection(v1.GraphKeys.ASSET_FILEPATHS),
            legacy_init_op=v1.tables_initializer(),
        )
        builder.save()


def _regress(inputs, outputs):
    info = v1.saved_model.build_tensor_info
    return v1.saved_model.build_signature_def(
        {"inputs": info(inputs)},
        {"outputs": info(outputs)},
        "tensorflow/serving/regress",
    )


def leaving(seconds, deadline=False):
    """A `Caller` that leaves after a while, because of its deadline or without one."""
    caller = Caller(time.monotonic() + seconds if deadline else None)
    timer = threading.Timer(seconds, caller.leave)
    timer.daemon = True
    timer.start()
    return caller


def example(**features):
    """A serialized `tf.Example` of floats."""
    message = tf.train.Example()
    for name, value in features.items():
        message.features.feature[name].float_list.value.append(value)
    return message.SerializeToString()


class Lengths(tf.Module):
    """Tokens of different numbers, and how many of them say something."""

    @tf.function(
        input_signature=[tf.TensorSpec([None, None], tf.string, name="tokens")]
    )
    def serve(self, tokens):
        said = tf.cast(tokens != "", tf.int32)
        return {
            "length": tf.reduce_sum(said, axis=1),
            "upper": tf.strings.upper(tokens),
        }


class MeanColour(tf.Module):
    """The mean colour of images, which come as the bytes of their files."""

    @tf.function(input_signature=[tf.TensorSpec([None], tf.string, name="image_bytes")])
    def serve(self, image_bytes):
        def mean(content):
            pixels = tf.io.decode_image(content, 3, expand_animations=False)
            return tf.reduce_mean(tf.cast(pixels, tf.float32), axis=[0, 1])

        return {"colour": tf.map_fn(mean, image_bytes, tf.float32)}


class Loop(tf.Module):
    """Counts to the largest n, and takes its time."""

    @tf.function(input_signature=[tf.TensorSpec([None], tf.int32, name="n")])
    def serve(self, n):
        def step(i, product):
            return i + 1, product @ product

        most = tf.reduce_max(n)
        i, _ = tf.while_loop(lambda i, _: i < most, step, [0, tf.eye(64)])
        return {"count": tf.fill(tf.shape(n), i)}


class WithDefault(tf.Module):
    """The sum of a and b, which is 10 where it is left out; the exporter says so."""

    @tf.function(
        input_signature=[
            tf.TensorSpec([None], tf.float32, name="a"),
            tf.TensorSpec([1], tf.float32, name="b"),
        ]
    )
    def serve(self, a, b=tf.constant([10.0])):  # noqa: B008
        return {"sum": a + b}


class Many(tf.Module):
    """A number and eight others, 1 to 8 larger: outputs y1 to y8."""

    @tf.function(input_signature=[tf.TensorSpec([None], tf.float32, name="x")])
    def serve(self, x):
        return {f"y{i}": x + i for i in range(1, 9)}


def export_module(module, folder):
    tf.saved_model.save(module, str(folder), signatures=module.serve)


def png(colour):
    pixels = np.full([2, 3, 3], colour, np.uint8)
    return tf.io.encode_png(pixels).numpy()


class Line(tf.Module):
    """y = 3 x + 1."""

    @tf.function(input_signature=[tf.TensorSpec([None, 2], tf.float32, name="x")])
    def serve(self, x):
        return {"y": 3.0 * x + 1.0, "total": tf.reduce_sum(x, axis=1)}


class Echo(tf.Module):
    """Texts as they came, in a column, and their number."""

    @tf.function(input_signature=[tf.TensorSpec([None], tf.string, name="text")])
    def serve(self, text):
        return {"same": tf.reshape(text, [-1, 1]), "number": tf.shape(text)[:1]}


def lite_content(folder):
    """A SavedModel as bytes of a Lite file."""
    return tf.lite.TFLiteConverter.from_saved_model(str(folder)).convert()


class FixedShape(tf.Module):
    """y = x W, shifted = x + 1 and total, the sum of x; all for one row of two."""

    def __init__(self, shape=(1, 2)):
        super().__init__()
        self.serve = tf.function(
            self.compute,
            input_signature=[tf.TensorSpec(shape, tf.float32, name="x")],
        )

    def compute(self, x):
        y = x @ tf.constant([[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]])
        return {"y": y, "shifted": x + 1.0, "total": tf.reduce_sum(x)}


class FixedGraph(tf.Module):
    """A row of four as two of two, which no other number of rows can become."""

    @tf.function(input_signature=[tf.TensorSpec([1, 4], tf.float32, name="x")])
    def serve(self, x):
        return {"y": tf.reshape(x, [1, 2, 2]) * tf.constant([[1.0, 2.0]])}


class TwoLite(tf.Module):
    """Signatures as MultiInference wants them, of numbers instead of examples."""

    @tf.function(input_signature=[tf.TensorSpec([None], tf.string, name="inputs")])
    def regress(self, inputs):
        return {"outputs": tf.ones(tf.shape(inputs)) * 2.0}

    @tf.function(input_signature=[tf.TensorSpec([None], tf.string, name="inputs")])
    def classify(self, inputs):
        return {"scores": tf.ones(tf.shape(inputs)[:1])[:, None] * [[3.0, 4.0]]}


def lite_echo(folder, signature_defs=None):
    """`Echo` as bytes of a Lite file.

    Args:
        folder: path for what is in between.
        signature_defs: dict of name to bytes, to be put in its metadata; None leaves
            the converter's signature alone, and with it in `{}` there is none at all.
    """
    export_module(Echo(), folder)
    content = lite_content(folder)
    if signature_defs is None:
        return content
    return with_signature_defs(content, signature_defs)


def with_signature_defs(content, signature_defs):
    """A Lite file with SignatureDefs in its metadata, instead of what it had."""
    model = flatbuffer_utils.convert_bytearray_to_object(bytearray(content))
    model.signatureDefs = None
    if signature_defs:
        builder = flexbuffers.Builder()
        with builder.Map():
            for name, serialized in signature_defs.items():
                builder.Key(name)
                # What `String` does, which takes text alone.
                builder._WriteBlob(serialized, True, flexbuffers.Type.STRING)
        buffer = schema.BufferT()
        buffer.data = list(builder.Finish())
        entry = schema.MetadataT()
        entry.name, entry.buffer = "signature_defs_metadata", len(model.buffers)
        model.buffers.append(buffer)
        model.metadata = [*(model.metadata or []), entry]
    return bytes(flatbuffer_utils.convert_object_to_bytearray(model))


def export_tflite(folder):
    """A version with a SavedModel (y = 3 x + 1) and a Lite model (the same, less 1)."""
    line = Line()
    export_module(line, folder)

    class Shifted(tf.Module):
        @tf.function(input_signature=[tf.TensorSpec([None, 2], tf.float32, name="x")])
        def serve(self, x):
            return {"y": 3.0 * x, "total": tf.reduce_sum(x, axis=1)}

    shifted = Shifted()
    tf.saved_model.save(shifted, str(folder / "lite"), signatures=shifted.serve)
    (folder / "model.tflite").write_bytes(lite_content(folder / "lite"))
