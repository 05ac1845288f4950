"""Image encoders: pixels in, a grid of N×N regions out."""

import difflib
from typing import Any

import keras
from keras import ops

from keras_attention.annotations import Shape, Tensor
from keras_attention.layers.quantization import KeepsQuantization
from keras_attention.models.applications import application_names, application_network
from keras_attention.models.efficientnet_lite import (
    efficientnet_lite0_network,
    load_efficientnet_lite0,
)
from keras_attention.models.small_cnn import small_cnn_network

PACKAGE = "keras_attention"
# What names of encoders of KerasHub begin with.
KERAS_HUB = "keras_hub:"


class ImageEncoder(KeepsQuantization, keras.layers.Layer):
    """An image network, cut where it has as many regions as wanted.

    Each kind is a subclass that gives the network; `image_encoder` makes one by name.
    All weights are there from the beginning, at random; `load_pretrained` fetches
    those of ImageNet where there are some.

    Args:
        encoder_name: str. "small-cnn", trained with the rest; "efficientnet-lite0", 3
            million parameters up to 1/32; a model of `keras.applications`, as
            "ResNet50"; or "keras_hub:" and a preset of KerasHub, by name or folder, as
            "keras_hub:vit_base_patch16_224_imagenet".
        image_size: int, S. Pixels along each side.
        grid_size: int, N. Regions along each side.
        trainable: bool. False also keeps batch normalisation at its running means.
        **kwargs: `name`, `dtype` and the like, for `keras.layers.Layer`.

    Call arguments:
        images: uint8 or float `(B, S, S, 3)`, RGB from 0 to 255.
        training: bool.

    Returns:
        float `(B, N, N, D)`, in the layer's `compute_dtype`.

    Attributes:
        dim: int, D.
        has_pretrained: bool. Whether there are weights to load.
        encoder_config: dict, or None where the name says all of the network.

    Raises:
        ValueError: the network has no map of N×N cells for such images.
        NotImplementedError: a class that gives no network, as this one itself.

    Example:

    >>> class Patches(ImageEncoder):
    ...     def _network(self):
    ...         inputs = keras.Input((self.image_size, self.image_size, 3))
    ...         patch = self.image_size // self.grid_size
    ...         outputs = keras.layers.Conv2D(8, patch, patch)(inputs)
    ...         return keras.Model(inputs, outputs)
    ...
    ...     def preprocess(self, images):
    ...         return images / 255.0
    >>> encoder = Patches("patches", image_size=32, grid_size=4)
    >>> tuple(encoder(np.zeros((1, 32, 32, 3), "uint8")).shape)
    (1, 4, 4, 8)
    """

    has_pretrained = False
    encoder_config: dict[str, Any] | None = None

    def __init__(
        self,
        encoder_name: str,
        image_size: int,
        grid_size: int,
        trainable: bool = True,
        **kwargs: Any,
    ) -> None:
        super().__init__(trainable=trainable, **kwargs)
        self.encoder_name = encoder_name
        self.image_size = image_size
        self.grid_size = grid_size
        self.network = self._network()
        self.network.trainable = trainable
        self.dim = self.network.output.shape[-1]

    def _network(self):
        """A functional model of floats `(B, S, S, 3)` as `preprocess` gives them."""
        raise NotImplementedError(
            f"{type(self).__name__} gives no network: take a subclass that does, as "
            "image_encoder(name, image_size, grid_size) finds it"
        )

    def preprocess(self, images: Tensor) -> Tensor:
        """Pixels `(B, S, S, 3)` from 0 to 255 as the network takes them, alike."""
        raise NotImplementedError

    def load_pretrained(self) -> None:
        """Loads the weights of ImageNet.

        Raises:
            ValueError: there are none, or the package that brings them is missing.
        """
        raise ValueError(
            f"{self.encoder_name} has no pretrained weights: it is trained with the "
            'rest; take "efficientnet-lite0" or a model of keras.applications, or '
            'training.encoder_weights="random"'
        )

    def build(self, input_shape: Shape | None = None) -> None:
        pass  # The network came with its weights.

    def call(self, images: Tensor, training: bool | None = None) -> Tensor:
        if images.shape[0] == 0:  # Convolutions refuse an empty batch.
            shape = self.compute_output_shape(images.shape)
            return ops.zeros(shape, dtype=self.compute_dtype)
        images = self.preprocess(ops.cast(images, self.compute_dtype))
        return self.network(images, training=bool(training) and self.trainable)

    def input_signature(self) -> keras.InputSpec:
        """`keras.InputSpec` of the images, uint8 `(None, S, S, 3)`."""
        shape = (None, self.image_size, self.image_size, 3)
        return keras.InputSpec(shape=shape, dtype="uint8", name="images")

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        return (input_shape[0], self.grid_size, self.grid_size, self.dim)

    def compute_output_spec(self, images: Tensor, training: bool | None = None) -> Any:
        shape = self.compute_output_shape(images.shape)
        return keras.KerasTensor(shape, dtype=self.compute_dtype)

    def get_config(self) -> dict[str, Any]:
        return {
            **super().get_config(),
            "encoder_name": self.encoder_name,
            "image_size": self.image_size,
            "grid_size": self.grid_size,
        }


@keras.saving.register_keras_serializable(package=PACKAGE)
class SmallCNN(ImageEncoder):
    """A small network, trained with the decoder from the beginning.

    Strided convolutions with batch normalisation, each of which halves the map, the
    later ones with a residual. No weights of ImageNet. Args and call: as for
    `ImageEncoder`.

    Raises:
        ValueError: `image_size` is not `grid_size` times 4, 8, 16 or 32.

    Example:

    >>> encoder = SmallCNN("small-cnn", image_size=32, grid_size=4)
    >>> tuple(encoder(np.zeros((1, 32, 32, 3), "uint8")).shape)
    (1, 4, 4, 96)

    References:
        strides instead of pooling:
        [Springenberg et al., 2015](https://arxiv.org/abs/1412.6806), section 2;
        residuals: [He et al., 2016](https://arxiv.org/abs/1512.03385), section 3.2.
    """

    def _network(self):
        return small_cnn_network(self.image_size, self.grid_size, self.dtype_policy)

    def preprocess(self, images: Tensor) -> Tensor:
        return images / 127.5 - 1.0


class _SavedAsImageEncoder(SmallCNN):
    """What `.keras` files hold that were saved before `SmallCNN` had its name.

    They name the class, and lead to its weights by that name.
    """


_SavedAsImageEncoder.__name__ = "ImageEncoder"
keras.saving.register_keras_serializable(PACKAGE, "ImageEncoder")(_SavedAsImageEncoder)


@keras.saving.register_keras_serializable(package=PACKAGE)
class EfficientNetLite0(ImageEncoder):
    """EfficientNet-Lite0, whose weights come in a package of their own.

    EfficientNet-B0 for small devices: without squeeze and excitation, with ReLU6. With
    images of 224 pixels it has grids of 56, 28, 14 and 7. Args and call: as for
    `ImageEncoder`.

    Raises:
        ValueError: a grid that it does not have; in `load_pretrained`, the extra
            `images`, which brings the weights, is not installed.

    Example:

    >>> encoder = EfficientNetLite0("efficientnet-lite0", 32, 4)
    >>> encoder.has_pretrained, encoder.compute_output_shape((1, 32, 32, 3))
    (True, (1, 4, 4, 40))

    References:
        [Tan & Le, 2019](https://arxiv.org/abs/1905.11946), section 4 and table 1.
    """

    has_pretrained = True

    def _network(self):
        return efficientnet_lite0_network(
            self.image_size, self.grid_size, self.dtype_policy
        )

    def preprocess(self, images: Tensor) -> Tensor:
        return (images - 127.0) / 128.0

    def load_pretrained(self) -> None:
        load_efficientnet_lite0(self.network)


@keras.saving.register_keras_serializable(package=PACKAGE)
class Application(ImageEncoder):
    """Any model of `keras.applications`; Keras downloads its weights.

    Args and call: as for `ImageEncoder`; `encoder_name` is the model's, as "ResNet50".

    Raises:
        ValueError: an unknown model, images too small for it, or a grid that it does
            not have; in `load_pretrained`, its weights cannot be downloaded.

    Example:

    >>> encoder = Application("MobileNet", image_size=32, grid_size=4)
    >>> encoder.has_pretrained, encoder.compute_output_shape((1, 32, 32, 3))
    (True, (1, 4, 4, 256))

    References:
        [Keras Applications](https://keras.io/api/applications/), with the paper of
        each model.
    """

    has_pretrained = True

    def _network(self):
        _check_application(self.encoder_name)
        network, self._preprocess = application_network(
            self.encoder_name, self.image_size, self.grid_size, self.dtype_policy
        )
        return network

    def preprocess(self, images: Tensor) -> Tensor:
        # Some of these functions change arrays in place.
        return self._preprocess(images + 0.0)

    def load_pretrained(self) -> None:
        try:
            pretrained, _ = application_network(
                self.encoder_name,
                self.image_size,
                self.grid_size,
                self.dtype_policy,
                weights="imagenet",
            )
        except Exception as error:  # Keras raises no more special one.
            raise ValueError(
                f"the weights of {self.encoder_name} cannot be downloaded ({error}): "
                "connect to the network once, after which Keras keeps them under "
                '~/.keras/models; or take "efficientnet-lite0", or '
                'training.encoder_weights="random"'
            ) from error
        self.network.set_weights(pretrained.get_weights())


ENCODERS = {"small-cnn": SmallCNN, "efficientnet-lite0": EfficientNetLite0}


def image_encoder(
    name, image_size, grid_size, dtype=None, trainable=True, encoder_config=None
):
    """Makes an image encoder.

    Args:
        name: str. See `ImageEncoder`.
        image_size: int. Pixels along each side of an image.
        grid_size: int. Regions along each side; which there are depends on the network
            and on `image_size`.
        dtype: of `keras.layers.Layer`.
        trainable: bool.
        encoder_config: dict, optional. That of a `KerasHubBackbone`, kept.

    Returns:
        `ImageEncoder`.

    Raises:
        ValueError: an unknown name, or a grid that the network does not have;
            `encoder_config` of an encoder that has none.

    Example:

    >>> encoder = image_encoder("small-cnn", image_size=64, grid_size=4)
    >>> tuple(encoder(np.zeros((1, 64, 64, 3), "uint8")).shape)
    (1, 4, 4, 160)
    """
    options = {"trainable": trainable, "dtype": dtype, "name": "encoder"}
    kind = ENCODERS.get(name, Application)
    if name.startswith(KERAS_HUB):
        # It is an encoder itself, which this module must have defined before.
        from keras_attention.models.keras_hub_encoder import KerasHubBackbone

        kind, options["encoder_config"] = KerasHubBackbone, encoder_config
    elif encoder_config is not None:
        raise ValueError(
            f"encoder_config describes encoders of KerasHub, whose names begin with "
            f"{KERAS_HUB!r}; received encoder={name!r}. Leave it out"
        )
    return kind(name, image_size, grid_size, **options)


def _check_application(name):
    names = application_names()
    if name not in names:
        close = difflib.get_close_matches(name, [*ENCODERS, *names], n=1)
        hint = f"did you mean {close[0]!r}? " if close else ""
        raise ValueError(
            f"unknown image encoder {name!r}; {hint}known are {', '.join(ENCODERS)}, "
            f'presets of KerasHub as "{KERAS_HUB}vit_base_patch16_224_imagenet", and '
            f"the models of keras.applications: {', '.join(names)}"
        )
