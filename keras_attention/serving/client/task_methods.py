"""Requests to what this package exports: translators and captioners."""

from collections.abc import Sequence
from typing import Any, Generic, TypeVar

from keras_attention.serving.client.images import encode_images
from keras_attention.serving.client.methods import Methods, make_model_spec
from keras_attention.serving.client.results import read_captions, read_translations
from keras_attention.serving.wire.signatures import DEFAULT_SIGNATURE

# What each method returns: the value, or of `AsyncClient` what is awaited for it.
Translations = TypeVar("Translations")
Captions = TypeVar("Captions")


class TaskMethods(Methods, Generic[Translations, Captions]):
    """Translation and captioning, over the signatures of an export."""

    def translate(
        self,
        texts: Sequence[str] | str,
        model: str,
        transport: str | None = None,
        attention: bool = False,
        version: int | None = None,
        *,
        signature_name: str | None = None,
        label: str | None = None,
        timeout: float | None = None,
    ) -> Translations:
        """Translates sentences.

        Args:
            texts: list of str, or one str.
            model: str, an exported translator.
            attention: bool. Return tokens and attention scores too.
            signature_name: str, optional. By default the one that searches, or the
                one with attention.
            transport, version, label, timeout: as for `predict`.

        Returns:
            List of `ServedTranslation`, one for each text.

        Raises:
            ValueError: the model is no translator.
            ServingError: as for `predict`.

        Example: of a model that shouts.

        >>> (translation,) = client.translate(["Good morning."], "translator")
        >>> translation.text
        'GOOD MORNING.'
        """
        texts = [texts] if isinstance(texts, str) else list(texts)
        model_spec = make_model_spec(
            model, version, label, _chosen(signature_name, attention)
        )
        return self._perform(
            self._calls.read_all(
                "text", texts, read_translations, model_spec, transport, timeout
            )
        )

    def caption(
        self,
        images: Any,
        model: str,
        transport: str | None = None,
        attention: bool = False,
        version: int | None = None,
        *,
        signature_name: str | None = None,
        label: str | None = None,
        timeout: float | None = None,
    ) -> Captions:
        """Captions images.

        Args:
            images: list of paths, of the bytes of files, of Pillow's images or of
                uint8 arrays `(H, W, 3)`, or one of them. JPEG and PNG files are sent
                as they are; WebP, GIF, BMP and TIFF are converted to PNG first.
            model: str, an exported captioner.
            attention: bool. Return tokens and attention grids too.
            signature_name, transport, version, label, timeout: as for `translate`.

        Returns:
            List of `ServedCaption`, one for each image.

        Raises:
            ValueError: what is no image; the model is no captioner.
            OSError: a file that cannot be read.
            ServingError: INVALID_ARGUMENT, what the server cannot decode; others as for
                `predict`.

        Example: of a model that tells how bright the first pixel is.

        >>> image = np.full((32, 32, 3), 200, "uint8")
        >>> (caption,) = client.caption(image, "captioner")
        >>> caption.text
        '200'
        """
        image_bytes = encode_images(images)
        model_spec = make_model_spec(
            model, version, label, _chosen(signature_name, attention)
        )
        return self._perform(
            self._calls.read_all(
                "image_bytes",
                image_bytes,
                read_captions,
                model_spec,
                transport,
                timeout,
            )
        )


def _chosen(signature_name, attention):
    return signature_name or ("attend" if attention else DEFAULT_SIGNATURE)
