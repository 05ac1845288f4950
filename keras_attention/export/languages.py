"""The languages of a model inside a graph: names in, ids out, as in Python."""

import numpy as np

from keras_attention.tasks.languages import ARGUMENTS


def language_inputs(languages, num_texts):
    """What a request says beside its texts, for warming up: dict of string arrays."""
    if not languages:
        return {}
    found = {}
    for side, name in enumerate(ARGUMENTS):
        default = languages.defaults[side] or min(languages.ids_by_name(side))
        found[name] = np.array([default] * num_texts, object)
    return found


def graph_languages(languages):
    """A `tf.Module` that looks names up; None for a model of one pair.

    Args:
        languages: `Languages`.
    """
    import tensorflow as tf

    if not languages:
        return None

    class GraphLanguages(tf.Module):
        def __init__(self):
            super().__init__(name="languages")
            self.tables = []
            for side, default in enumerate(languages.defaults):
                ids = dict(languages.ids_by_name(side))
                if default:
                    ids[""] = ids[default]
                table = tf.lookup.KeyValueTensorInitializer(
                    tf.constant(list(ids)), tf.constant(list(ids.values()), tf.int32)
                )
                self.tables.append(tf.lookup.StaticHashTable(table, -1))

        def __call__(self, side, names):
            """The id of each name, int `(B,)`; "" is the default, if there is one."""
            ids = self.tables[side].lookup(names)
            wrong = tf.boolean_mask(names, ids < 0)
            known = ", ".join(sorted(languages.ids_by_name(side)))
            if not languages.defaults[side]:
                known += ", since this model has no default"
            what = [f"{ARGUMENTS[side]} must be one of {known}; received", wrong[:1]]
            with tf.control_dependencies(
                [tf.debugging.Assert(tf.equal(tf.size(wrong), 0), what)]
            ):
                return tf.identity(ids)

    return GraphLanguages()
