"""What images cost before a model sees them: decoding, and augmentation.

    python benchmarks/images.py

Milliseconds of one image: a JPEG of 640 × 480 decoded to a square, on as many threads
as there are cores, as `prepare_captions` does it; and `Augmentation()` of squares, on
one.
"""

import argparse
import io
import os
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
from PIL import Image

sys.path.insert(0, str(Path(__file__).parents[1]))

from keras_attention.data.images.augmentation import Augmentation
from keras_attention.data.images.sources import load_pixels


def jpeg(height=480, width=640, seed=0):
    """The bytes of a JPEG with as much detail as a photograph: noise on soft shapes."""
    rng = np.random.default_rng(seed)
    small = Image.fromarray(rng.integers(0, 256, (12, 16, 3), "uint8"))
    pixels = np.asarray(small.resize((width, height), Image.Resampling.BICUBIC))
    noisy = pixels + rng.normal(0, 8, pixels.shape)
    stream = io.BytesIO()
    Image.fromarray(noisy.clip(0, 255).astype("uint8")).save(stream, "JPEG", quality=90)
    return stream.getvalue()


def milliseconds(work, count):
    work()  # What is compiled is compiled now.
    begin = time.perf_counter()
    work()
    return 1000 * (time.perf_counter() - begin) / count


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--small", action="store_true", help="as `make bench` runs it")
    count = 50 if parser.parse_args().small else 200
    content = jpeg()
    with ThreadPoolExecutor(os.cpu_count()) as pool:

        def decode():
            list(pool.map(lambda _: load_pixels([content], 224), range(count)))

        took = milliseconds(decode, count)
        print(f"decoding, {len(content):,} bytes: {took:.1f} ms")
    for size in (128, 224):
        images = np.zeros((count, size, size, 3), "uint8")
        may_flip, augment = np.ones(count, bool), Augmentation()

        def change(images=images, may_flip=may_flip, augment=augment):
            augment({"images": images}, np.random.default_rng(0), may_flip)

        took = milliseconds(change, count)
        print(f"augmentation, {size} x {size}: {took:.2f} ms")


if __name__ == "__main__":
    main()
