"""Figures of attention."""

from typing import TYPE_CHECKING

from keras_attention.lazy import lazy_names

if TYPE_CHECKING:
    from keras_attention.plotting.captions import plot_caption as plot_caption
    from keras_attention.plotting.curves import Curve as Curve
    from keras_attention.plotting.curves import Panel as Panel
    from keras_attention.plotting.curves import plot_curves as plot_curves
    from keras_attention.plotting.gallery import plot_images as plot_images
    from keras_attention.plotting.heat_map import plot_attention as plot_attention
    from keras_attention.plotting.heat_map import plot_heads as plot_heads

HOMES = {
    "Curve": "curves",
    "Panel": "curves",
    "plot_attention": "heat_map",
    "plot_caption": "captions",
    "plot_curves": "curves",
    "plot_heads": "heat_map",
    "plot_images": "gallery",
}

__all__ = [*HOMES]
__getattr__, __dir__ = lazy_names(__name__, HOMES)
