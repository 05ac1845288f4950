"""The work of an image is counted before it is decoded, in all places."""

import functools
import io
import struct

import numpy as np
import pytest
from PIL import Image

from keras_attention.data.images.decoding_work import (
    MAX_WORK,
    decoding_work,
    graph_jpeg_work,
    graph_png_work,
)
from keras_attention.data.images.files import (
    NOT_AN_IMAGE,
    TOO_MUCH_WORK,
    TRUNCATED,
    BadImage,
    as_png,
    loaded,
)
from keras_attention.data.images.sources import load_pixels
from tests.data.image_files import (
    BAD,
    chunk,
    encoded,
    interlaced_png,
    plain,
    sample_image,
    sized,
    turned,
    with_scans,
    with_texts,
)

tf = pytest.importorskip("tensorflow")


@functools.cache
def graph(function):
    return tf.function(function, input_signature=[tf.TensorSpec([], tf.string)])


def work_of(content):
    """As Python and a graph agree on it."""
    is_png = content.startswith(b"\x89PNG")
    found = graph(graph_png_work if is_png else graph_jpeg_work)(content)
    expected = decoding_work(content)
    assert tuple(each.numpy() for each in found) == tuple(expected)
    return expected


def jpeg(mode="RGB", **options):
    return encoded(sample_image(90, 60).convert(mode), "JPEG", **options)


def refused(function, *arguments):
    with pytest.raises(BadImage) as caught:
        function(*arguments)
    return caught.value.reason


def test_scans_times_pixels_are_counted():
    for options, scans in (
        ({}, 1),
        ({"progressive": True}, 10),
        ({"progressive": True, "mode": "L"}, 6),
        ({"progressive": True, "mode": "CMYK"}, 18),
        ({"restart_marker_blocks": 1}, 1),
        ({"restart_marker_rows": 1, "progressive": True}, 10),
    ):
        content = jpeg(**options)
        assert work_of(content) == (scans * 90 * 60, True, True), options
        # So many scans at the most pixels are still allowed.
        assert scans * 50_000_000 <= MAX_WORK
    content = with_scans(jpeg(progressive=True), 33)
    assert work_of(content) == (43 * 90 * 60, True, True)


def test_what_only_looks_like_a_scan_is_none():
    content = jpeg(progressive=True)
    expected = work_of(content)
    # A thumbnail in a camera's data, a remark, filling, and what stands behind the end.
    inner = b"Exif\0\0" + plain(9, 9, progressive=True)
    segment = b"\xff\xe1" + struct.pack(">H", len(inner) + 2) + inner
    remark = b"\xff\xfe\0\x0c" + 5 * b"\xff\xda"
    for more in (segment, remark, b"\xff\xff\xff", segment + remark):
        assert work_of(content[:2] + more + content[2:]) == expected
    assert work_of(content + content) == expected
    assert work_of(encoded(sample_image(90, 60), "MPO"))[0] == 90 * 60
    assert load_pixels([content[:2] + segment + content[2:]], 8).shape == (1, 8, 8, 3)


def test_images_that_take_the_least_bytes_are_whole():
    for image in (
        Image.new("RGB", (640, 480), (9, 99, 200)),
        Image.new("L", (999, 1), 7),
        Image.new("L", (8, 8), 0),
        Image.new("CMYK", (333, 65), (1, 2, 3, 4)),
    ):
        for options in ({}, {"subsampling": 0}, {"subsampling": 2}):
            for progressive in (False, True):
                content = encoded(
                    image, "JPEG", optimize=True, progressive=progressive, **options
                )
                assert work_of(content).is_complete
    for orientation in (1, 6):
        assert work_of(turned(orientation)).is_complete


def test_less_data_than_an_image_takes_is_not_whole():
    for options in ({}, {"progressive": True}, {"mode": "L"}):
        content = jpeg(**options)
        assert work_of(sized(content, 180, 60)).is_complete
        assert not work_of(sized(content, 9_000, 6_000)).is_complete
        assert not work_of(content[: content.index(b"\xff\xda")]).is_complete


def test_python_and_graph_count_alike_whatever_the_damage():
    rng = np.random.default_rng(0)
    contents = [jpeg(), jpeg(progressive=True)]
    contents += [encoded(sample_image()), with_texts(encoded(sample_image()), 3)]
    for content in contents:
        for _ in range(8):
            damaged = bytearray(content)
            for place in rng.integers(8, len(damaged), 6):
                damaged[place] = rng.choice([0, 1, 0xC0, 0xC2, 0xD0, 0xDA, 0xD9, 0xFF])
            work_of(bytes(damaged[: rng.integers(9, len(damaged))]))
            work_of(bytes(damaged))


def test_windows_of_the_graph_miss_nothing_where_they_meet(monkeypatch):
    monkeypatch.setattr("keras_attention.data.images.decoding_work.WINDOW", 64)
    graph.cache_clear()
    try:
        content = jpeg(progressive=True)
        for more in range(70):
            remark = b"\xff\xfe" + struct.pack(">H", more + 2) + more * b"\xff"
            assert work_of(content[:2] + remark + content[2:])[0] == 10 * 90 * 60
        content = with_texts(encoded(sample_image(20, 20)), 1)
        expected = work_of(content)
        assert expected[0] > 7_000_000
        for more in range(0, 70, 3):
            text = chunk(b"tEXt", b"a\0" + more * b"z")
            assert work_of(content[:33] + text + content[33:]) == expected
    finally:
        graph.cache_clear()


def test_texts_and_passes_of_a_png_are_counted():
    content = encoded(sample_image(90, 60))
    assert work_of(content) == (90 * 60, True, True)
    array = np.asarray(sample_image(20, 10))
    assert work_of(interlaced_png(array)) == (7 * 20 * 10, True, True)
    small = encoded(sample_image(90, 60), icc_profile=bytes(3000))
    assert 90 * 60 < work_of(small)[0] < 90 * 60 + 100_000
    for name in (b"zTXt", b"iTXt", b"iCCP"):
        found = with_texts(content, 10, name)
        assert 70_000_000 < work_of(found)[0] <= 90 * 60 + 80_000_000
    # Behind the pixels too.
    text = with_texts(content, 130)[33 : -len(content) + 33]
    assert work_of(content[:-12] + text + content[-12:])[0] > MAX_WORK


def test_training_data_and_an_opened_image_are_judged_alike(tmp_path):
    from keras_attention.data.captions.formats import CaptionFiles, SkipReport
    from tests.data.captioned_images import word_tokenizer
    from tests.data.captions.test_store import prepare

    names = [
        "a jpeg of many scans",
        "a png of many texts",
        "a progressive jpeg that promises too much",
        "an arithmetic jpeg",
    ]
    lines = ["image,caption,split", "good.png,the cat,train"]
    (tmp_path / "good.png").write_bytes(encoded(sample_image()))
    for i, name in enumerate(names):
        (tmp_path / f"{i}.jpg").write_bytes(BAD[name][0])
        lines.append(f"{i}.jpg,the cat,train")
    (tmp_path / "captions.csv").write_text("\n".join(lines))
    report = SkipReport()
    examples = CaptionFiles(tmp_path / "captions.csv")
    prepare(examples, tmp_path / "prepared", report=report, tokenizer=word_tokenizer())
    assert report.lines == {
        TOO_MUCH_WORK: ["0.jpg", "1.jpg"],
        TRUNCATED: ["2.jpg"],
        NOT_AN_IMAGE: ["3.jpg"],
    }
    image = Image.open(io.BytesIO(BAD[names[0]][0]))
    assert refused(as_png, image, "a.jpg") == TOO_MUCH_WORK
    image = Image.open(io.BytesIO(encoded(sample_image(), "JPEG")))
    assert as_png(image, "a.jpg").startswith(b"\x89PNG")


def tiff(width, height, tags, parts, compression=1):
    """A grey TIFF made by hand; parts are bytes."""
    at, data = 8, b"".join(parts)
    starts = [8 + sum(map(len, parts[:i])) for i in range(len(parts))]
    directory = {
        256: [width],
        257: [height],
        258: [8],
        259: [compression],
        262: [1],
        277: [1],
        **{key: starts if value == "starts" else value for key, value in tags.items()},
    }
    at += len(data) + len(data) % 2
    more_at = at + 2 + 12 * len(directory) + 4
    entries, more = b"", b""
    for tag, values in sorted(directory.items()):
        packed = struct.pack(f"<{len(values)}I", *values)
        if len(values) > 1:
            place = struct.pack("<I", more_at + len(more))
            more += packed
            packed = place
        entries += struct.pack("<HHI", tag, 4, len(values)) + packed
    head = b"II*\0" + struct.pack("<I", at) + data + b"\0" * (len(data) % 2)
    return head + struct.pack("<H", len(directory)) + entries + bytes(4) + more


def test_tiffs_of_enormous_tiles_or_many_scans_are_refused():
    pixels = bytes(range(64))
    strip = {273: "starts", 278: [8], 279: [64]}
    assert loaded(tiff(8, 8, strip, [pixels]), "a").size == (8, 8)
    tile = {322: [30_000], 323: [30_000], 324: "starts", 325: [64]}
    assert refused(loaded, tiff(8, 8, tile, [pixels]), "a") == TOO_MUCH_WORK
    # A column of pixels in tiles that are wide.
    tile = {322: [16_000], 323: [16], 324: "starts", 325: [64]}
    assert refused(loaded, tiff(1, 90_000, tile, [pixels]), "a") == TOO_MUCH_WORK
    tile = {322: [0], 323: [16], 324: "starts", 325: [64]}
    assert refused(loaded, tiff(8, 8, tile, [pixels]), "a") in (TRUNCATED, NOT_AN_IMAGE)

    grey = Image.new("L", (1500, 1000), 99)
    bomb = with_scans(encoded(grey, "JPEG", progressive=True), 700)
    strip = {273: "starts", 278: [1000], 279: [len(bomb)]}
    assert refused(loaded, tiff(1500, 1000, strip, [bomb], 7), "a") == TOO_MUCH_WORK
    # Parts that lie over each other.
    strip = {273: [8] * 1000, 278: [1], 279: [len(bomb)] * 1000}
    assert refused(loaded, tiff(1500, 1000, strip, [bomb], 7), "a") == TOO_MUCH_WORK
    for options in ({}, {"compression": "jpeg"}, {"compression": "tiff_lzw"}):
        content = encoded(sample_image(), "TIFF", **options)
        assert loaded(content, "a").size == sample_image().size
