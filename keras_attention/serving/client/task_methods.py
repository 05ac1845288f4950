"""Requests to what this package exports: translators and captioners."""

from collections.abc import Sequence
from typing import Any, Generic, TypeVar

from keras_attention.serving.client.images import encode_images
from keras_attention.serving.client.methods import Methods, make_model_spec
from keras_attention.serving.client.results import read_captions, read_translations
from keras_attention.serving.client.rows import Rows
from keras_attention.texts import listed

# What each method returns: the value, or of `AsyncClient` what is awaited for it.
Translations = TypeVar("Translations")
Captions = TypeVar("Captions")
# For all texts or images, or for each.
Languages = str | Sequence[str] | None
Words = Sequence[str] | Sequence[Sequence[str]] | None


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
        source_language: Languages = None,
        target_language: Languages = None,
        constraints: Words = None,
        avoid: Words = None,
    ) -> Translations:
        """Translates sentences.

        Args:
            texts: list of str, or one str.
            model: str, an exported translator.
            attention: bool. Return tokens and attention scores too.
            signature_name: str, optional. By default the one that searches, the one
                with attention, or the one that takes words.
            transport, version, label, timeout: as for `predict`.
            source_language: str, or list of as many as there are texts, optional. What
                they are in, for a multilingual model; its default where left out or "".
            target_language: likewise. What to translate into.
            constraints: list of str for all, or list of such lists, one for each text,
                optional. Words or phrases that translations must contain; for a model
                exported with `constrained=True`.
            avoid: likewise. Words or phrases that they may not contain.

        Returns:
            List of `ServedTranslation`, one for each text.

        Raises:
            ValueError: the model is no translator, or takes no languages or words;
                languages or words for another number of texts; empty words; words
                together with attention.
            ServingError: FAILED_PRECONDITION, a model that was exported without the
                signature for words; INVALID_ARGUMENT, a language that the model does
                not know, or constraints that cannot be met; others as for `predict`.

        Example: of a model that shouts.

        >>> (translation,) = client.translate(["Good morning."], "translator")
        >>> translation.text
        'GOOD MORNING.'
        """
        rows = Rows(
            "text",
            listed(texts, "texts"),
            constraints,
            avoid,
            source_language=source_language,
            target_language=target_language,
        )
        name = rows.signature_name(signature_name, attention)
        model_spec = make_model_spec(model, version, label, name)
        return self._perform(
            self._calls.read_all(
                rows, read_translations, model_spec, transport, timeout
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
        constraints: Words = None,
        avoid: Words = None,
    ) -> Captions:
        """Captions images.

        Args:
            images: list of paths, of the bytes of files, of Pillow's images or of
                uint8 arrays `(H, W, 3)`, or one of them. JPEG and PNG files are sent
                as they are; WebP, GIF, BMP and TIFF are converted to PNG first.
            model: str, an exported captioner.
            attention: bool. Return tokens and attention grids too.
            signature_name, transport, version, label, timeout: as for `translate`.
            constraints, avoid: as for `translate`; for all images, or for each.

        Returns:
            List of `ServedCaption`, one for each image.

        Raises:
            ValueError: what is no image; the model is no captioner; constraints and
                avoid as for `translate`.
            OSError: a file that cannot be read.
            ServingError: INVALID_ARGUMENT, what the server cannot decode; others as for
                `predict`.

        Example: of a model that tells how bright the first pixel is.

        >>> image = np.full((32, 32, 3), 200, "uint8")
        >>> (caption,) = client.caption(image, "captioner")
        >>> caption.text
        '200'
        """
        rows = Rows("image_bytes", encode_images(images), constraints, avoid)
        name = rows.signature_name(signature_name, attention)
        model_spec = make_model_spec(model, version, label, name)
        return self._perform(
            self._calls.read_all(rows, read_captions, model_spec, transport, timeout)
        )
