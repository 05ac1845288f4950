"""An image backbone of KerasHub as an image encoder."""

from typing import Any

import keras
from keras import ops

from keras_attention.annotations import Tensor
from keras_attention.models.image_encoder import ImageEncoder
from keras_attention.models.keras_hub_networks import (
    check_encoder_config,
    keras_hub_network,
    make_backbone,
    settle_places,
)
from keras_attention.models.keras_hub_presets import load_preset, preset_config


@keras.saving.register_keras_serializable(package="keras_attention")
class KerasHubBackbone(ImageEncoder):
    """An image backbone of KerasHub: the extra `hub`.

    A preset says which network it is and how pixels are scaled, and has the weights.
    Regions are the cells of a convolutional network's map, or a Transformer's patches,
    without the tokens that are none; of SigLIP, CLIP and their like, those of the
    vision encoder.

    Args:
        encoder_name: str. "keras_hub:" and the name of a preset, or its folder.
        image_size, grid_size, trainable: as for `ImageEncoder`.
        encoder_config: dict, optional. What the preset says, kept, so that it need not
            be there: `backbone`, the name of a class in `keras_hub.models`; `options`,
            a dict of its arguments; `scale` and `offset`, three floats each.
        **kwargs: as for `ImageEncoder`.

    Call arguments and returns: as for `ImageEncoder`.

    Raises:
        ValueError: KerasHub is not installed; no such preset; one of no image backbone,
            or of images of another size; a grid that it does not have; an
            `encoder_config` that describes no image backbone.

    Example:

    >>> sizes = {"stackwise_num_repeats": [1, 1, 1], "stackwise_num_filters": [8, 8, 8]}
    >>> config = {"backbone": "VGGBackbone", "options": sizes}
    >>> config |= {"scale": [1 / 255] * 3, "offset": [0.0] * 3}
    >>> encoder = KerasHubBackbone("keras_hub:mine", 32, 4, encoder_config=config)
    >>> tuple(encoder(np.zeros((1, 32, 32, 3), "uint8")).shape)
    (1, 4, 4, 8)

    References:
        [KerasHub](https://keras.io/keras_hub/presets/), with the paper of each model.
    """

    has_pretrained = True
    encoder_config: dict[str, Any]

    def __init__(
        self,
        encoder_name: str,
        image_size: int,
        grid_size: int,
        trainable: bool = True,
        encoder_config: dict[str, Any] | None = None,
        **kwargs: Any,
    ) -> None:
        if encoder_config is None:
            encoder_config = preset_config(encoder_name, image_size)
        else:
            check_encoder_config(encoder_config)
        self.encoder_config = encoder_config
        super().__init__(encoder_name, image_size, grid_size, trainable, **kwargs)

    def _network(self):
        return self._cut(self._backbone())

    def _backbone(self):
        return make_backbone(self.encoder_config, self.image_size, self.dtype_policy)

    def _cut(self, backbone):
        return keras_hub_network(
            self.encoder_name,
            self.encoder_config,
            backbone,
            self.image_size,
            self.grid_size,
            self.dtype_policy,
        )

    def preprocess(self, images: Tensor) -> Tensor:
        scale, offset = (
            ops.cast(self.encoder_config[key], images.dtype)
            for key in ("scale", "offset")
        )
        return images * scale + offset

    def load_pretrained(self) -> None:
        backbone = self._backbone()
        load_preset(self.encoder_name, backbone)
        # What is behind the grid, as pooling, has no place here.
        self.network.set_weights(self._cut(backbone).get_weights())

    def save_own_variables(self, store: Any) -> None:
        settle_places(self.network)
        super().save_own_variables(store)

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "encoder_config": self.encoder_config}
