"""Every format gives the same images; what is broken costs itself alone."""

import gzip
import json

import pytest

from keras_attention.data.captions.formats import (
    CaptionedImage,
    CaptionFiles,
    SkipReport,
    read_captions,
)

EXPECTED = {
    "a.jpg": (["a red, big cat", "a cat"], "train"),
    "b.jpg": (["two dogs"], "valid"),
    "c.jpg": (["一棵树", 'a "tree"'], "test"),
}


def coco():
    ids = {name: number for number, name in enumerate(EXPECTED, start=5)}
    return {
        "images": [{"id": ids[name], "file_name": name} for name in EXPECTED],
        "annotations": [
            {"image_id": ids[name], "caption": text}
            for name, (texts, _) in EXPECTED.items()
            for text in texts
        ],
    }


def karpathy():
    return {
        "images": [
            {
                "filename": name,
                "split": {"train": "restval", "valid": "val"}.get(split, split),
                "sentences": [{"raw": text} for text in texts],
            }
            for name, (texts, split) in EXPECTED.items()
        ]
    }


def records():
    return [
        {"image": name, "captions": texts, "split": split}
        for name, (texts, split) in EXPECTED.items()
    ]


def table(separator, quote=False):
    lines = [separator.join(["image", "caption", "split"])]
    for name, (texts, split) in EXPECTED.items():
        for text in texts:
            text = '"' + text.replace('"', '""') + '"' if quote else text
            lines.append(separator.join([name, text, split]))
    return "\n".join(lines) + "\n"


def tokens():
    return "".join(
        f"{name}#{number}\t{text}\n"
        for name, (texts, _) in EXPECTED.items()
        for number, text in enumerate(texts)
    )


FILES = {
    "coco.json": json.dumps(coco()),
    "dataset.json": json.dumps(karpathy()),
    "list.json": json.dumps(records()),
    "captions.jsonl": "".join(json.dumps(record) + "\n" for record in records()),
    "captions.csv": table(",", quote=True),
    "captions.tsv": table("\t"),
    "results.csv": table("| "),
    "Flickr.token.txt": tokens(),
}


def write(folder, files):
    for name, text in files.items():
        (folder / name).write_bytes(text if isinstance(text, bytes) else text.encode())


def read(path, **options):
    report = SkipReport("caption")
    return list(read_captions(path, report=report, **options)), report


@pytest.mark.parametrize("zipped", [False, True])
@pytest.mark.parametrize("name", FILES)
def test_every_format_gives_the_same(tmp_path, name, zipped):
    content = FILES[name].encode()
    name += ".gz" if zipped else ""
    write(tmp_path, {name: gzip.compress(content) if zipped else content})
    (tmp_path / "images").mkdir()
    write(tmp_path / "images", {"b.jpg": ""})
    splits = name.split(".")[0] not in ("coco", "Flickr")
    ids = {"a.jpg": 5, "b.jpg": 6, "c.jpg": 7} if name.startswith("coco") else {}
    examples, report = read(tmp_path / name)
    assert examples == [
        CaptionedImage(
            name,
            tmp_path / ("images/b.jpg" if name == "b.jpg" else name),
            texts,
            split if splits else None,
            image_id=ids.get(name),
        )
        for name, (texts, split) in EXPECTED.items()
    ]
    assert report.num_good == 5 and not report.num_skipped


def test_a_folder_is_searched_for_usual_names(tmp_path):
    write(tmp_path, {"captions.csv": FILES["captions.csv"], "notes.txt": "hello"})
    assert [example.name for example in read(tmp_path)[0]] == list(EXPECTED)
    (tmp_path / "captions.csv").unlink()
    with pytest.raises(ValueError, match=r"received none of them: give the path"):
        read(tmp_path)


def test_cocos_folder_of_annotations_gives_splits(tmp_path):
    (tmp_path / "annotations").mkdir()
    val = {"images": [{"id": 1, "file_name": "v.jpg"}]}
    val["annotations"] = [{"image_id": 1, "caption": "x"}]
    files = {"captions_train2017.json": FILES["coco.json"]}
    write(tmp_path / "annotations", {**files, "captions_val2017.json": json.dumps(val)})
    examples, _ = read(tmp_path)
    assert {e.name: e.split for e in examples} == {
        **dict.fromkeys(EXPECTED, "train"),
        "v.jpg": "valid",
    }
    # One file alone has no splits: a hash decides.
    alone, _ = read(tmp_path / "annotations" / "captions_train2017.json")
    assert {example.split for example in alone} == {None}


def test_karpathys_images_are_found_with_their_folder_and_without(tmp_path):
    values = karpathy()
    for image in values["images"]:
        image["filepath"] = "val2014"
    write(tmp_path, {"dataset_coco.json": json.dumps(values)})
    folder = tmp_path / "folder"
    (folder / "val2014").mkdir(parents=True)
    write(folder / "val2014", {"a.jpg": ""})
    write(folder, {"b.jpg": ""})
    examples, _ = read(tmp_path / "dataset_coco.json", images=folder)
    assert [example.name for example in examples] == [f"val2014/{x}" for x in EXPECTED]
    paths = [str(example.image.relative_to(folder)) for example in examples]
    assert paths == ["val2014/a.jpg", "b.jpg", "val2014/c.jpg"]


def test_flickrs_lists_beside_the_tokens_decide_the_splits(tmp_path):
    write(
        tmp_path,
        {
            "Flickr8k.token.txt": tokens() + "d.jpg#0\tnowhere\nno tab\n",
            "Flickr_8k.trainImages.txt": "a.jpg\n",
            "Flickr_8k.devImages.txt": "b.jpg\n",
            "test.txt": "c\n",
        },
    )
    examples, report = read(tmp_path)
    assert {e.name: e.split for e in examples} == {
        name: split for name, (_, split) in EXPECTED.items()
    }
    assert report.lines == {"in no split's list of images": [6], "no tab": [7]}


def test_kaggles_bad_line_costs_itself_alone(tmp_path):
    text = "image_name| comment_number| comment\na.jpg| 0| A cat , here .\n"
    text += "a.jpg| 4   A dog runs across the grass .\na.jpg| 1| Two | three\n"
    write(tmp_path, {"results.csv": text})
    examples, report = read(tmp_path / "results.csv")
    assert [e.captions for e in examples] == [["A cat , here .", "Two | three"]]
    assert report.lines == {"missing column": [3]}


def test_a_table_may_do_without_header_and_quotes(tmp_path):
    write(tmp_path, {"x.csv": "a.jpg,a cat, red\nb.png,dog\n"})
    examples, _ = read(tmp_path / "x.csv")
    assert [(e.name, e.captions) for e in examples] == [
        ("a.jpg", ["a cat, red"]),
        ("b.png", ["dog"]),
    ]
    write(tmp_path, {"y.csv": "id,number\n1,2\n"})
    with pytest.raises(ValueError, match="expected a header with image and caption"):
        read(tmp_path / "y.csv")


@pytest.mark.parametrize(
    ("line", "separator"),
    [
        ("image;caption;split", 'semicolons, ";"'),
        ('"file_name";"comment"', 'semicolons, ";"'),
        ("a.jpg;a cat, red and fat", 'semicolons, ";"'),
        ("a.jpg: a cat", 'colons, ":"'),
        ("a.jpg a cat sleeps", "spaces"),
    ],
)
def test_a_separator_that_is_not_read_is_named(tmp_path, line, separator):
    write(tmp_path, {"x.csv": f"{line}\na.jpg;a cat, red\n"})
    with pytest.raises(ValueError, match=f"separated by {separator}: save it with com"):
        read(tmp_path / "x.csv")


def test_a_table_without_any_separator_is_not_said_to_have_one(tmp_path):
    write(tmp_path, {"x.csv": "id;number\n1;2\n"})
    with pytest.raises(ValueError, match="received 'id;number'$"):
        read(tmp_path / "x.csv")


def test_images_are_called_what_the_data_call_them(tmp_path):
    write(tmp_path, {"x.csv": "image,image_id,caption\na.jpg, 012 ,x\nb.jpg,m-1,y\n"})
    examples, _ = read(tmp_path / "x.csv")
    assert [each.image_id for each in examples] == [12, "m-1"]
    ids = [7, "8", 1.5, True, "9" * 5000]
    rows = [
        {"image": f"{number}.jpg", "caption": "x", "image_id": value}
        for number, value in enumerate(ids)
    ]
    write(tmp_path, {"x.jsonl": "\n".join(map(json.dumps, rows))})
    examples, _ = read(tmp_path / "x.jsonl")
    assert [each.image_id for each in examples] == [7, 8, None, None, "9" * 5000]


def test_quotes_that_never_close_swallow_nothing(tmp_path):
    good = "".join(f"{i}.jpg,caption {i}\n" for i in range(30))
    text = 'image,caption\na.jpg,"two\nlines"\nb.jpg,"open\n' + good + 'c.jpg,5" pipe\n'
    write(tmp_path, {"x.csv": text})
    examples, report = read(tmp_path / "x.csv")
    assert examples[0].captions == ["two lines"]
    assert examples[-1].captions == ['5" pipe']
    assert len(examples) == 32
    assert report.lines == {"quotes that do not close": [4]}


def test_bad_lines_are_named(tmp_path):
    lines = [
        b'{"image": "a.jpg", "caption": "good", "split": "train"}',
        b"{broken",
        b'{"caption": "no image"}',
        b'{"image": "a.jpg", "caption": 3}',
        b'{"image": "a.jpg", "caption": "\xff"}',
        b'{"image": "a.jpg", "caption": " "}',
        b'{"image": "a.jpg", "caption": "x", "split": "exam"}',
        b'{"image": "a.jpg", "caption": "leak", "split": "test"}',
        b'{"image": "a.jpg", "caption": "more", "truth": {"box": [1]}}',
        b"[]",
    ]
    write(tmp_path, {"x.jsonl": b"\n".join(lines)})
    examples, report = read(tmp_path / "x.jsonl")
    assert [e.captions for e in examples] == [["good", "more"]]
    assert report.lines == {
        "bad JSON": [2, 10],
        "missing key": [3, 4],
        "bad UTF-8": [5],
        "empty caption": [6],
        "unknown split": [7],
        "another split than the image had before": [8],
    }


def test_bad_entries_of_coco_are_named(tmp_path):
    values = coco()
    values["images"] += [{"id": 99, "file_name": "mute.jpg"}, {"id": 100}, 3]
    values["annotations"] += [{"image_id": 77, "caption": "of nothing"}, None]
    write(tmp_path, {"coco.json": json.dumps(values)})
    examples, report = read(tmp_path / "coco.json")
    assert [example.name for example in examples] == list(EXPECTED)
    assert report.lines == {
        "missing key": ["image 4", "image 5", "annotation 5", "annotation 6"],
        "no caption": ["mute.jpg"],
    }


def test_files_of_something_else_say_so(tmp_path):
    write(tmp_path, {"x.json": "{", "y.json": "{}", "z.csv": "", "w.jsonl": "\n"})
    with pytest.raises(ValueError, match="x.json: expected JSON, which is damaged"):
        read(tmp_path / "x.json")
    with pytest.raises(ValueError, match="received neither"):
        read(tmp_path / "y.json")
    with pytest.raises(ValueError, match="not one good one"):
        read(tmp_path / "z.csv")
    with pytest.raises(ValueError, match="not one good one"):
        read(tmp_path / "w.jsonl")
    with pytest.raises(ValueError, match="captions_format must be one of auto"):
        read(tmp_path / "x.json", captions_format="xml")
    write(tmp_path, {"coco.json": FILES["coco.json"]})
    with pytest.raises(ValueError, match="as karpathy; received coco"):
        read(tmp_path / "coco.json", captions_format="karpathy")
    with pytest.raises(ValueError, match="images must be the folder"):
        read(tmp_path / "coco.json", images=tmp_path / "nowhere")
    with pytest.raises(FileNotFoundError):
        read(tmp_path / "missing.csv")


def test_files_know_their_name(tmp_path):
    write(tmp_path, {"captions.csv": FILES["captions.csv"]})
    files = CaptionFiles(tmp_path / "captions.csv")
    assert list(files()) == list(files())
    first = files.fingerprint()
    assert first == CaptionFiles(tmp_path).fingerprint()
    write(tmp_path, {"a.jpg": "an image"})
    second = files.fingerprint()
    write(tmp_path, {"captions.csv": FILES["captions.csv"].replace("dogs", "hogs")})
    assert len({first, second, files.fingerprint()}) == 3


def test_a_name_that_no_file_can_have_is_a_missing_image(tmp_path):
    names = ["a\0b.jpg", "x" * 5000 + ".jpg"]
    lines = [json.dumps({"image": name, "caption": "x"}) for name in names]
    write(tmp_path, {"x.jsonl": "\n".join(lines)})
    assert [example.name for example in read(tmp_path / "x.jsonl")[0]] == names
    CaptionFiles(tmp_path / "x.jsonl").fingerprint()
