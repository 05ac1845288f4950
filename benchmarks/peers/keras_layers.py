"""Layers of attention of Keras and KerasHub, compiled by TensorFlow."""

import keras
import tensorflow as tf

STATE = {}


def load(kind, from_hub, heads, weights, query, value):
    dim = query.shape[-1]
    if kind == "multi-head":
        make = keras.layers.MultiHeadAttention
        if from_hub:
            from keras_hub.layers import CachedMultiHeadAttention as make
        layer = make(num_heads=heads, key_dim=dim // heads)
        layer.build(query.shape, value.shape)
        shapes = [weight.shape for weight in layer.weights]
        weights = [w.reshape(s) for w, s in zip(weights, shapes, strict=True)]
    elif kind == "additive":
        # Its query and key have no weights: those of two dense layers before.
        layer = Additive(weights)
        weights = []
    else:
        layer = keras.layers.Attention()
    inputs = [tf.constant(query), tf.constant(value)]
    call = layer if kind == "multi-head" else lambda q, v: layer([q, v])
    call(*inputs)
    if weights:
        layer.set_weights(weights)

    @tf.function
    def forward():
        return call(*inputs)

    @tf.function
    def backward():
        with tf.GradientTape() as tape:
            tape.watch(inputs)
            total = tf.reduce_sum(call(*inputs))
        own = [variable.value for variable in layer.trainable_variables]
        # All of them are returned: a graph leaves out what nobody asks for.
        return total, *tape.gradient(total, [*inputs, *own])

    STATE["forward"], STATE["backward"] = forward, backward


class Additive(keras.layers.Layer):
    """`keras.layers.AdditiveAttention` between two dense layers, as in tutorials."""

    def __init__(self, weights):
        super().__init__()
        query, key, score = weights
        self.query_dense = keras.layers.Dense(query.shape[1], use_bias=False)
        self.key_dense = keras.layers.Dense(key.shape[1], use_bias=False)
        self.query_dense.build(query.shape[:1])
        self.key_dense.build(key.shape[:1])
        self.query_dense.set_weights([query])
        self.key_dense.set_weights([key])
        self.attention = keras.layers.AdditiveAttention()
        self.attention.build([(None, None, len(score))] * 3)
        self.attention.set_weights([score[:, 0]])

    def call(self, inputs):
        query, value = inputs
        queries, keys = self.query_dense(query), self.key_dense(value)
        return self.attention([queries, value, keys])


def forward():
    return STATE["forward"]().numpy()


def backward():
    return STATE["backward"]()[1].numpy()
