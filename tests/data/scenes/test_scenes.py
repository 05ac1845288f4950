"""Scenes are always the same, hold out what they say, and know where everything is."""

import pickle
from collections import Counter

import numpy as np
import pytest

from keras_attention.data.scenes import Scenes, load_things
from keras_attention.data.scenes.drawing import background, sprite
from keras_attention.data.scenes.layout import relations_of
from keras_attention.data.scenes.scenes import combinations, is_held_out


@pytest.fixture(scope="module")
def scenes():
    return list(Scenes(400, num_things=40, image_size=64))


def test_the_same_scenes_come_again(scenes):
    again = pickle.loads(pickle.dumps(Scenes(400, num_things=40, image_size=64)))
    for index in (0, 7, 399):
        one, other = again[index], scenes[index]
        np.testing.assert_array_equal(one.image, other.image)
        assert one[2:] == other[2:] and one.name == other.name


def test_what_was_kept_of_other_sprites_is_stale(monkeypatch):
    scenes = Scenes(10)
    before = scenes.fingerprint()
    assert before == Scenes(10).fingerprint() != Scenes(11).fingerprint()
    monkeypatch.setattr(
        "keras_attention.data.scenes.scenes.files_digest", lambda: "new"
    )
    assert scenes.fingerprint() != before


def test_another_seed_gives_other_scenes(scenes):
    other = Scenes(1, seed=1, num_things=40, image_size=64)[0]
    assert other.name != scenes[0].name and other.captions != scenes[0].captions


def test_more_scenes_begin_with_the_same_ones(scenes):
    longer = Scenes(500, num_things=40, image_size=64)
    np.testing.assert_array_equal(longer[3].image, scenes[3].image)


def test_another_artist_draws_the_same_things_elsewhere_alike(scenes):
    other = Scenes(400, num_things=40, image_size=64, artist="fluent")
    for index in range(20):
        drawn = other[index]
        assert drawn.captions == scenes[index].captions
        assert drawn.truth["plan"] == scenes[index].truth["plan"]
        assert (drawn.image != scenes[index].image).any()


def test_scenes_that_are_not_drawn_say_the_same(scenes):
    undrawn = list(Scenes(400, num_things=40, image_size=64).undrawn())
    assert [each.captions for each in undrawn] == [each.captions for each in scenes]
    assert [each.split for each in undrawn] == [each.split for each in scenes]


def test_combinations_held_out_are_in_the_test_split_alone(scenes):
    found = Counter()
    for scene in scenes:
        held_out = any(map(is_held_out, combinations(scene.truth["plan"])))
        assert held_out == scene.truth["held_out"]
        assert not held_out or scene.split == "test"
        found[scene.split, held_out] += 1
    assert found["train", False] > 300
    assert min(found["test", True], found["test", False], found["valid", False]) > 5


def test_all_numbers_of_things_and_all_relations_occur(scenes):
    numbers = Counter(len(scene.truth["objects"]) for scene in scenes)
    assert set(numbers) == {1, 2, 3, 4} and min(numbers.values()) > 50
    relations = {scene.truth["plan"][0] for scene in scenes}
    assert relations == {"alone", "left of", "above", "between"}


def test_plans_hold_where_things_lie(scenes):
    for scene in scenes:
        relation, groups = scene.truth["plan"]
        names = [each["name"] for each in scene.truth["objects"]]
        assert Counter(names) == Counter(
            {name: count for group in groups for name, count in group}
        )
        facts = {
            (names[fact[0]], fact[1], *sorted(names[i] for i in fact[2:]))
            for fact in scene.truth["relations"]
        }
        if relation == "between":
            (a,), (b,), (c,) = ([name for name, _ in group] for group in groups)
            assert (a, relation, *sorted((b, c))) in facts
        elif relation != "alone":
            assert {
                (a, relation, b) for a, _ in groups[0] for b, _ in groups[1]
            } <= facts


def test_boxes_are_tight_around_what_is_drawn():
    for scene in Scenes(30, num_things=40, image_size=96):
        for each in scene.truth["objects"]:
            x0, y0, x1, y1 = each["box"]
            assert 0 <= x0 < x1 <= 96 and 0 <= y0 < y1 <= 96
            # A box has a size that its thing could have.
            assert 0.1 * 96 < max(x1 - x0, y1 - y0) <= 0.52 * 96
    colours, opacity = sprite("noto", "butterfly", 40, 15)
    assert max(opacity.shape) == 40
    for edge in (opacity[0], opacity[-1], opacity[:, 0], opacity[:, -1]):
        assert edge.max() > 0.02
    assert colours.shape == (*opacity.shape[:2], 3)


def test_things_do_not_cover_each_other(scenes):
    for scene in scenes:
        boxes = [each["box"] for each in scene.truth["objects"]]
        for i, (ax0, ay0, ax1, ay1) in enumerate(boxes):
            for bx0, by0, bx1, by1 in boxes[:i]:
                width = min(ax1, bx1) - max(ax0, bx0)
                height = min(ay1, by1) - max(ay0, by0)
                assert width <= 1 or height <= 1, (scene.name, boxes)


def test_a_sprite_stands_out_from_its_background():
    scene = Scenes(60, num_things=40)[11]
    x0, y0, x1, y1 = scene.truth["objects"][0]["box"]
    inside = scene.image[y0:y1, x0:x1].reshape(-1, 3).astype(int)
    assert len(np.unique(inside // 16, axis=0)) > 20


def test_backgrounds_vary():
    images = [background(np.random.default_rng(i), 32) for i in range(40)]
    assert all(image.shape == (32, 32, 3) for image in images)
    plain = [np.ptp(image, axis=(0, 1)).max() == 0 for image in images]
    assert 3 < sum(plain) < 20


def test_relations_are_those_of_boxes():
    row = [(0, 0, 2, 2), (3, 0, 5, 2), (6, 1, 8, 3)]
    found = relations_of(row)
    assert [1, "between", 0, 2] in found
    assert [0, "left of", 2] in found and [2, "right of", 1] in found
    assert not [fact for fact in found if fact[1] in ("above", "below")]


def test_one_thing_may_be_left_of_another_and_above_it():
    found = relations_of([(0, 0, 1, 1), (2, 2, 3, 3)])
    assert [0, "left of", 1] in found and [0, "above", 1] in found


def test_every_thing_is_drawn_by_both_artists():
    for thing in load_things():
        for artist in ("noto", "fluent"):
            _, opacity = sprite(artist, thing.name, 32, 0)
            assert opacity.max() > 0.9 and opacity.mean() > 0.08, thing.name


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"artist": "dali"}, "artist of scenes must be one of noto, fluent, both"),
        ({"language": "it"}, "language of scenes must be one of en, de, fr, es, zh"),
        ({"max_objects": 5}, "max_objects .* at least 1 and at most 4; received 5"),
        ({"num_things": 3}, "scenes have from 4 to 29. different things; received 3"),
        ({"image_size": 8}, "image_size of scenes must be at least 32"),
    ],
)
def test_what_cannot_be_composed_is_refused(options, message):
    with pytest.raises(ValueError, match=message):
        Scenes(10, **options)
