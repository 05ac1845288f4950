"""Where data sets keep captions and images, in the folders in which they come.

COCO       annotations/captions_{train,val}2017.json   train2017/  val2017/
Flickr8k   Flickr8k_text/Flickr8k.token.txt            Flickr8k_Dataset/Flicker8k_…/
Flickr30k  results_20130124.token                      flickr30k-images/
Kaggle's   captions.txt                                Images/
           flickr30k_images/results.csv                flickr30k_images/flickr30k_…/
Karpathy   dataset_coco.json, dataset_flickr8k.json, … beside the images of these
"""

import re
from itertools import product
from pathlib import Path

# What a folder is searched for, the first that is there.
CAPTION_FILES = (
    "captions.jsonl",
    "captions.csv",
    "captions.tsv",
    "captions.json",
    "captions.txt",
    "metadata.jsonl",
    "metadata.csv",
    "results.csv",
    "dataset*.json",
    "*.token.txt",
    "*.token",
    "captions_train*.json",
    "captions_val*.json",
)
# Beside the captions of Flickr8k, and no captions for people.
NO_CAPTIONS = "*.lemma.token*"
# Where they are if not in the folder itself.
CAPTION_FOLDERS = ("annotations", "Flickr8k_text", "flickr30k_images", "flickr30k")
# Of COCO, one file for each split.
COCO_FILES = {"train": "captions_train*.json", "valid": "captions_val*.json"}
COCO_YEARS = ("2017", "2014")

# Images are in such folders, beside the captions or one folder up.
IMAGE_FOLDERS = (
    "images",
    "Images",
    "imgs",
    "Flicker8k_Dataset",
    "Flickr8k_Dataset",
    "Flickr8k_Dataset/Flicker8k_Dataset",
    "flickr30k_images",
    "flickr30k_images/flickr30k_images",
    "flickr30k-images",
    *(f"{half}{year}" for year, half in product(COCO_YEARS, ("train", "val"))),
    *(f"images/{half}{year}" for year, half in product(COCO_YEARS, ("train", "val"))),
)
# The images of 2014 have, under shorter names, been those of 2017.
COCO_2014 = re.compile(r"COCO_(?:train|val)2014_(?=\d{12}\.jpg$)")


def coco_halves(folder):
    """COCO's files of captions, those of each split.

    Of the two editions, which split the same images differently, the one is taken
    whose images are there.

    Args:
        folder: Path. Holds the files, or `annotations`.

    Returns:
        dict from "train" and "valid" to Paths; None where one of them is missing.

    Raises:
        ValueError: two editions, and images of both or of none.
    """
    found = {
        split: [*_matching(folder, name), *_matching(folder / "annotations", name)]
        for split, name in COCO_FILES.items()
    }
    if not all(found.values()):
        return None
    years = {_year(file) for files in found.values() for file in files}
    if len(years) > 1:
        images = ImageFolder(folder)
        there = [year for year in years if images.has(f"val{year}")]
        if len(there) != 1:
            raise ValueError(
                f"{folder} holds COCO's captions of {' and '.join(sorted(years))}, "
                "which split the same images differently; expected those of one "
                "year, or the images of one: move the others elsewhere, or give the "
                "path of one file"
            )
        found = {
            split: [file for file in files if _year(file) in there]
            for split, files in found.items()
        }
    return found if all(found.values()) else None


def caption_file(folder):
    """The file of captions in a folder.

    Raises:
        ValueError: there is none, or more than one of a kind.
    """
    places = [folder, *(folder / name for name in CAPTION_FOLDERS)]
    for place, pattern in product(places, CAPTION_FILES):
        files = _matching(place, pattern)
        if len(files) > 1:
            raise ValueError(
                f"expected one file of captions in {place}; received "
                f"{', '.join(file.name for file in files)}: give the path of one"
            )
        if files:
            return files[0]
    raise ValueError(
        f"expected a file of captions in {folder}, called {', '.join(CAPTION_FILES)}; "
        f"or a folder {', '.join(CAPTION_FOLDERS)} that has one; received none of "
        "them: give the path of the file"
    )


class ImageFolder:
    """Finds images by the names that a file of captions gives them.

    Args:
        captions_path: Path of the captions, or of their folder.
        images: str or Path of the folder of images, optional. Else they are
            beside the captions, or one folder up. Either way they may be in a folder
            there that has a usual name, such as `images` or `val2017`.

    Raises:
        ValueError: `images` is no folder.
    """

    def __init__(self, captions_path, images=None):
        if images is not None:
            if not Path(images).is_dir():
                raise ValueError(
                    f"images must be the folder of the images; there is none at "
                    f"{Path(images).absolute()}"
                )
            places = [Path(images)]
        else:
            path = Path(captions_path).absolute()
            here = path if path.is_dir() else path.parent
            places = [here, here.parent]
        inner = [place / name for place, name in product(places, IMAGE_FOLDERS)]
        self.folders = [places[0], *(place for place in inner if place.is_dir())]

    def has(self, name):
        """Whether there is a folder of images of this name."""
        return any(folder.name == name for folder in self.folders)

    def find(self, name):
        """The image's path; where there is none, the first that was looked for.

        COCO's `val2014/COCO_val2014_….jpg` is also looked for without its folder, and
        by the name that it has had since 2017.
        """
        bare = Path(name).name
        names = dict.fromkeys([name, bare, COCO_2014.sub("", bare)])
        paths = [folder / each for each, folder in product(names, self.folders)]
        return next((path for path in paths if file_size(path) is not None), paths[0])


def file_size(path):
    """Bytes of a file, None if there is none, or none can have such a name."""
    try:
        return path.stat().st_size if path.is_file() else None
    except (OSError, ValueError):
        return None


def _matching(folder, pattern):
    """Files of a name, compressed ones too."""
    files = {*folder.glob(pattern), *folder.glob(f"{pattern}.gz")}
    return sorted(file for file in files if not file.match(NO_CAPTIONS))


def _year(file):
    return "".join(re.findall(r"\d{4}", file.name)[-1:])
