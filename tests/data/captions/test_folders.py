"""Data sets are read in the folders in which they are published."""

import json

import pytest

from keras_attention.data.captions.folders import file_size
from keras_attention.data.captions.formats import SkipReport, read_captions

TOKENS = (
    "a.jpg#0\ta cat .\na.jpg#1\ta red cat .\nb.jpg#0\ttwo dogs .\nc.jpg#0\ta tree .\n"
)
NO_SPLITS = dict.fromkeys(["a.jpg", "b.jpg", "c.jpg"])
THREE_SPLITS = {"a.jpg": "train", "b.jpg": "valid", "c.jpg": "test"}


def coco(*names):
    ids = dict(enumerate(names, start=9))
    return json.dumps(
        {
            "info": {"year": 2017},
            "licenses": [],
            "images": [{"id": i, "file_name": ids[i], "license": 1} for i in ids],
            "annotations": [
                {"image_id": i, "id": 5 * i + n, "caption": f"caption {n}"}
                for i in ids
                for n in range(5)
            ],
        }
    )


def boxes(*names):
    values = json.loads(coco(*names))
    for each in values["annotations"]:
        del each["caption"]
        each["bbox"] = [0, 0, 9, 9]
    return json.dumps(values)


def karpathy(folders, *names):
    return json.dumps(
        {
            "dataset": "some",
            "images": [
                {
                    "filename": name,
                    "split": split,
                    "sentences": [{"raw": "a cat .", "tokens": ["a", "cat"]}],
                    **({"filepath": folder} if folder else {}),
                }
                for folder, name, split in zip(
                    folders, names, ("train", "val", "test"), strict=True
                )
            ],
        }
    )


def kaggle(header, separator):
    lines = [header]
    for line in TOKENS.splitlines():
        (name, number), text = line.split("\t")[0].split("#"), line.split("\t")[1]
        numbers = [number] if "number" in header else []
        lines.append(separator.join([name, *numbers, text]))
    return "\n".join(lines) + "\n"


def annotations(train, val, year=2017):
    folder = "annotations"
    return {
        f"{folder}/captions_train{year}.json": coco(*train),
        f"{folder}/captions_val{year}.json": coco(*val),
        f"{folder}/instances_train{year}.json": boxes(*train),
        f"{folder}/instances_val{year}.json": boxes(*val),
        f"{folder}/person_keypoints_val{year}.json": boxes(*val),
    }


NINE, TEN = "000000000009.jpg", "000000000010.jpg"
OLD_NINE, OLD_TEN = f"COCO_train2014_{NINE}", f"COCO_val2014_{TEN}"
FLICKR8K = {
    "Flickr8k_text/Flickr8k.token.txt": TOKENS,
    "Flickr8k_text/Flickr8k.lemma.token.txt": TOKENS.replace("dogs", "dog"),
    "Flickr8k_text/Flickr_8k.trainImages.txt": "a.jpg\n",
    "Flickr8k_text/Flickr_8k.devImages.txt": "b.jpg\n",
    "Flickr8k_text/Flickr_8k.testImages.txt": "c.jpg\n",
    "Flickr8k_text/CrowdFlowerAnnotations.txt": "a.jpg\tb.jpg#2\t0\t0\t3\n",
    "Flickr8k_text/readme.txt": "Flickr8k\n",
}
THREE = ("a.jpg", "b.jpg", "c.jpg")
COCO_2017 = {"train2017": [NINE], "val2017": [TEN]}
COCO_2014 = {"train2014": [OLD_NINE], "val2014": [OLD_TEN]}

# Files, folders of images, what is given, and the split of each image.
LAYOUTS = {
    "COCO 2017": (
        annotations([NINE], [TEN]),
        COCO_2017,
        [".", "annotations"],
        {NINE: "train", TEN: "valid"},
    ),
    "COCO 2017 below images": (
        annotations([NINE], [TEN]),
        {f"images/{folder}": names for folder, names in COCO_2017.items()},
        [".", "annotations"],
        {NINE: "train", TEN: "valid"},
    ),
    "COCO 2014": (
        annotations([OLD_NINE], [OLD_TEN], 2014),
        COCO_2014,
        [".", "annotations"],
        {OLD_NINE: "train", OLD_TEN: "valid"},
    ),
    "COCO, both sets of captions with one of images": (
        {
            **annotations([NINE], [TEN]),
            **annotations([OLD_TEN], [OLD_NINE], 2014),
        },
        COCO_2017,
        [".", "annotations"],
        {NINE: "train", TEN: "valid"},
    ),
    "COCO, one file": (
        annotations([NINE], [TEN]),
        COCO_2017,
        ["annotations/captions_val2017.json"],
        {TEN: None},
    ),
    "COCO, one file in the folder": (
        {"annotations/captions_val2014.json": coco(OLD_TEN)},
        COCO_2014,
        [".", "annotations", "annotations/captions_val2014.json"],
        {OLD_TEN: None},
    ),
    "Karpathy's COCO": (
        {
            "dataset_coco.json": karpathy(
                ["train2014", "val2014", "val2014"], OLD_NINE, OLD_TEN, "c.jpg"
            )
        },
        {"train2014": [OLD_NINE], "val2014": [OLD_TEN, "c.jpg"]},
        [".", "dataset_coco.json"],
        {
            f"train2014/{OLD_NINE}": "train",
            f"val2014/{OLD_TEN}": "valid",
            "val2014/c.jpg": "test",
        },
    ),
    "Karpathy's COCO, with the images of 2017": (
        {
            "annotations/dataset_coco.json": karpathy(
                ["train2014", "val2014"] + ["val2014"],
                OLD_NINE,
                OLD_TEN,
                OLD_TEN.replace("10", "11"),
            )
        },
        {"train2017": [NINE, NINE.replace("09", "11")], "val2017": [TEN]},
        ["annotations", "annotations/dataset_coco.json"],
        {
            f"train2014/{OLD_NINE}": "train",
            f"val2014/{OLD_TEN}": "valid",
            f"val2014/{OLD_TEN.replace('10', '11')}": "test",
        },
    ),
    "Karpathy's Flickr8k": (
        {"dataset_flickr8k.json": karpathy([None] * 3, *THREE)},
        {"Flicker8k_Dataset": THREE},
        [".", "dataset_flickr8k.json"],
        THREE_SPLITS,
    ),
    "Karpathy's Flickr30k": (
        {"dataset_flickr30k.json": karpathy([None] * 3, *THREE)},
        {"flickr30k-images": THREE},
        [".", "dataset_flickr30k.json"],
        THREE_SPLITS,
    ),
    "Flickr8k": (
        FLICKR8K,
        {"Flickr8k_Dataset/Flicker8k_Dataset": THREE},
        [".", "Flickr8k_text", "Flickr8k_text/Flickr8k.token.txt"],
        THREE_SPLITS,
    ),
    "Flickr8k, unpacked side by side": (
        {name.removeprefix("Flickr8k_text/"): text for name, text in FLICKR8K.items()},
        {"Flicker8k_Dataset": THREE},
        [".", "Flickr8k.token.txt"],
        THREE_SPLITS,
    ),
    "Kaggle's Flickr8k": (
        {"captions.txt": kaggle("image,caption", ",")},
        {"Images": THREE},
        [".", "captions.txt"],
        NO_SPLITS,
    ),
    "Flickr30k": (
        {"results_20130124.token": TOKENS, "readme.txt": "Flickr30k\n"},
        {"flickr30k-images": THREE},
        [".", "results_20130124.token"],
        NO_SPLITS,
    ),
    "Kaggle's Flickr30k": (
        {
            "flickr30k_images/results.csv": kaggle(
                "image_name| comment_number| comment", "| "
            )
        },
        {"flickr30k_images/flickr30k_images": THREE},
        [".", "flickr30k_images", "flickr30k_images/results.csv"],
        NO_SPLITS,
    ),
}


def lay_out(folder, files, images):
    for name, text in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)
    for place, names in images.items():
        (folder / place).mkdir(parents=True, exist_ok=True)
        for name in names:
            (folder / place / name).write_bytes(b"an image")


@pytest.mark.parametrize("name", LAYOUTS)
def test_a_data_set_is_read_as_it_is_published(tmp_path, name):
    files, images, given, expected = LAYOUTS[name]
    lay_out(tmp_path, files, images)
    for path in given:
        report = SkipReport("caption")
        examples = list(read_captions(tmp_path / path, report=report))
        assert {each.name: each.split for each in examples} == expected, path
        assert not report.num_skipped
        missing = [each.image for each in examples if not file_size(each.image)]
        assert not missing, path
        assert not any("dog ." in text for each in examples for text in each.captions)


def test_the_folder_of_images_may_be_the_one_above_the_usual(tmp_path):
    lay_out(tmp_path, {"x.json": coco(NINE, TEN)}, {"elsewhere/images/val2017": [TEN]})
    lay_out(tmp_path, {}, {"elsewhere/images/train2017": [NINE]})
    examples = read_captions(tmp_path / "x.json", images=tmp_path / "elsewhere")
    assert all(file_size(each.image) for each in examples)


def test_what_is_ambiguous_is_named(tmp_path):
    files = {**annotations([NINE], [TEN]), **annotations([OLD_NINE], [OLD_TEN], 2014)}
    lay_out(tmp_path, files, {**COCO_2014, **COCO_2017})
    with pytest.raises(ValueError, match="captions of 2014 and 2017, which split"):
        list(read_captions(tmp_path))
    lists = {f"k/dataset_{n}.json": karpathy([None] * 3, *THREE) for n in ("a", "b")}
    lay_out(tmp_path, lists, {})
    with pytest.raises(ValueError, match="received dataset_a.json, dataset_b.json:"):
        list(read_captions(tmp_path / "k"))


def test_boxes_are_no_captions(tmp_path):
    lay_out(tmp_path, annotations([NINE], [TEN]), COCO_2017)
    with pytest.raises(ValueError, match="annotations of another kind, such as boxes"):
        list(read_captions(tmp_path / "annotations" / "instances_val2017.json"))


def test_compressed_halves_of_coco_are_found(tmp_path):
    import gzip

    for split in ("train", "val"):
        text = coco(NINE if split == "train" else TEN).encode()
        (tmp_path / f"captions_{split}2017.json.gz").write_bytes(gzip.compress(text))
    splits = [each.split for each in read_captions(tmp_path)]
    assert splits == ["train", "valid"]
