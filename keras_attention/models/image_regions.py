"""From pixels, or features computed before, to the regions that a captioner reads."""

from typing import Any

import keras
from keras import ops

from keras_attention.annotations import Shape, Tensor
from keras_attention.layers.quantization import KeepsQuantization
from keras_attention.models.image_encoder import ImageEncoder, image_encoder

# Of the inputs of a captioner, what tells of the image.
IMAGES, FEATURES, WINDOWS = "images", "features", "windows"


@keras.saving.register_keras_serializable(package="keras_attention")
class ImageRegions(KeepsQuantization, keras.layers.Layer):
    """An image encoder, and what makes regions of its feature map.

        a_ij = relu(W norm(features_ij) + row_i + column_j)

    Features of different encoders differ by orders of magnitude: normalised, they
    train alike. Learned rows and columns let "left of" be told from "right of", by
    attention and, since they enter before the relu, by a pooled vector too.

    Args:
        encoder: str. See `ImageEncoder`.
        image_size: int. Pixels along each side.
        grid_size: int, N. Regions along each side; `L` = N².
        region_dim: int. Width of a region.
        train_encoder: bool. Whether the encoder's weights are trained.
        encoder_config: dict, optional. See `KerasHubBackbone`.
        **kwargs: `name`, `dtype` and the like, for `keras.layers.Layer`.

    Call arguments:
        inputs: dict with `images`, uint8 or float `(B, image_size, image_size, 3)` from
            0 to 255, or instead `features`, float `(B, N, N, D)`: the encoder's output,
            kept. Others are not read.
        training: bool.

    Returns:
        float `(B, L, region_dim)`, row by row. What of them is image, `mask` says.

    Raises:
        ValueError: an unknown encoder, or a grid that it does not have.

    Example:

    >>> regions = ImageRegions("small-cnn", image_size=32, grid_size=4, region_dim=8)
    >>> images = np.zeros((2, 32, 32, 3), "uint8")
    >>> tuple(regions({"images": images}).shape)
    (2, 16, 8)
    >>> features = regions.encoder(images)  # To be kept, if the encoder is not trained.
    >>> tuple(regions({"features": features}).shape)
    (2, 16, 8)
    """

    def __init__(
        self,
        encoder: str,
        image_size: int,
        grid_size: int,
        region_dim: int = 256,
        train_encoder: bool = True,
        encoder_config: dict[str, Any] | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.encoder_name = encoder
        self.image_size = image_size
        self.grid_size = grid_size
        self.region_dim = region_dim
        self.train_encoder = train_encoder
        self.encoder = image_encoder(
            encoder,
            image_size,
            grid_size,
            dtype=self.dtype_policy,
            trainable=train_encoder,
            encoder_config=encoder_config,
        )
        self.norm = keras.layers.LayerNormalization(
            epsilon=1e-6, dtype=self.dtype_policy, name="norm"
        )
        self.dense = keras.layers.Dense(
            region_dim, dtype=self.dtype_policy, name="dense"
        )

    def build(self, input_shape: Shape | None = None) -> None:
        self.encoder.build((None, self.image_size, self.image_size, 3))
        self.norm.build((None, None, None, self.encoder.dim))
        self.dense.build((None, None, None, self.encoder.dim))
        place = {"initializer": keras.initializers.RandomNormal(stddev=0.1)}
        size, dim = self.grid_size, self.region_dim
        self.rows = self.add_weight(shape=(size, 1, dim), name="rows", **place)
        self.columns = self.add_weight(shape=(1, size, dim), name="columns", **place)

    def call(self, inputs: dict[str, Tensor], training: bool | None = None) -> Tensor:
        if FEATURES in inputs:
            features = ops.cast(inputs[FEATURES], self.compute_dtype)
        else:
            features = self.encoder(inputs[IMAGES], training=training)
        regions = self.dense(self.norm(features))  # (B, N, N, region_dim)
        regions = ops.relu(regions + self.rows + self.columns)
        length = self.grid_size * self.grid_size
        return ops.reshape(regions, (-1, length, self.region_dim))

    def compute_output_shape(self, input_shape: dict[str, Shape]) -> Shape:
        batch_size = next(iter(input_shape.values()))[0]
        return (batch_size, self.grid_size**2, self.region_dim)

    def mask(self, inputs: dict[str, Tensor]) -> Tensor:
        """Which regions show any of the image, bool `(B, L)`.

        All, unless inputs have `windows`, int `(B, 4)` in pixels; see `region_mask`.
        """
        if WINDOWS in inputs:
            return region_mask(inputs[WINDOWS], self.image_size, self.grid_size)
        batch_size = ops.shape(inputs[FEATURES if FEATURES in inputs else IMAGES])[0]
        return ops.ones((batch_size, self.grid_size**2), dtype="bool")

    def compute_output_spec(
        self, inputs: dict[str, Tensor], training: bool | None = None
    ) -> Any:
        shapes = {name: tensor.shape for name, tensor in inputs.items()}
        shape = self.compute_output_shape(shapes)
        return keras.KerasTensor(shape, dtype=self.compute_dtype)

    def get_config(self) -> dict[str, Any]:
        return {
            **super().get_config(),
            "encoder": self.encoder_name,
            "image_size": self.image_size,
            "grid_size": self.grid_size,
            "region_dim": self.region_dim,
            "train_encoder": self.train_encoder,
            "encoder_config": self.encoder.encoder_config,
        }


class ReadsImages:
    """What captioners have in common: their source is the regions of an image."""

    regions: ImageRegions
    grid_size: int

    @property
    def image_encoder(self) -> ImageEncoder:
        """What makes features `(B, N, N, D)` of pixels."""
        return self.regions.encoder

    @property
    def encoder_config(self) -> dict[str, Any] | None:
        """What of the encoder its name does not say; None where it says all."""
        return self.image_encoder.encoder_config

    def source_mask(self, inputs: dict[str, Tensor]) -> Tensor:
        """Which regions show any of the image, bool `(B, L)`."""
        return self.regions.mask(inputs)

    def source_signature(self) -> dict[str, Any]:
        """Shape and dtype of images, a dict of `keras.InputSpec`."""
        return {"images": self.image_encoder.input_signature()}

    def source_length(self, input_shape: dict[str, Shape]) -> int | None:
        """`L`, the regions of an image."""
        return self.grid_size**2


def region_mask(windows, image_size, grid_size):
    """Which cells show any of an image that does not fill its square.

    Args:
        windows: int `(B, 4)`: `(x0, y0, x1, y1)`, where in the square the image
            lies, in pixels.
        image_size: int. Pixels along each side of the square.
        grid_size: int, N.

    Returns:
        bool `(B, L)`, row by row. A cell counts if a pixel of it is image; all do of
        a window without width or height, such as those of rows that fill up a batch.

    Example:

    >>> windows = np.array([[0, 0, 8, 4], [0, 0, 8, 5], [0, 0, 0, 0]], "int32")
    >>> np.asarray(region_mask(windows, 8, 2)).astype(int).tolist()
    [[1, 1, 0, 0], [1, 1, 1, 1], [1, 1, 1, 1]]
    """
    windows = grid_size * ops.cast(windows, "int32")[..., None]  # (B, 4, 1)
    starts = image_size * ops.arange(grid_size, dtype="int32")

    def overlap(first, last):
        return ops.logical_and(first < starts + image_size, last > starts)  # (B, N)

    columns = overlap(windows[:, 0], windows[:, 2])
    rows = overlap(windows[:, 1], windows[:, 3])
    mask = ops.logical_and(rows[:, :, None], columns[:, None, :])
    mask = ops.reshape(mask, (-1, grid_size * grid_size))
    return ops.logical_or(mask, ops.logical_not(ops.any(mask, axis=1, keepdims=True)))
