"""A contact sheet shows every scene; the emoji come with their licences."""

import numpy as np
import pytest

from keras_attention.data.scenes import Scenes
from keras_attention.data.scenes.contact_sheet import MARGIN, contact_sheet
from keras_attention.data.scenes.things import HERE


def test_scenes_stand_where_they_should():
    scenes = list(Scenes(3, num_things=20, image_size=64))
    sheet = np.asarray(contact_sheet(scenes, columns=2, boxes=False))
    second = sheet[MARGIN : MARGIN + 64, 64 + 2 * MARGIN :][:, :64]
    np.testing.assert_array_equal(second, scenes[1].image)


def test_boxes_are_drawn():
    scene = Scenes(1, num_things=20, image_size=64)[0]
    x0, y0, _, _ = scene.truth["objects"][0]["box"]
    assert contact_sheet([scene]).getpixel((MARGIN + x0, MARGIN + y0)) == (255,) * 3


def test_captions_that_the_font_cannot_write_do_no_harm():
    contact_sheet(Scenes(2, language="zh", num_things=20, image_size=32))


def test_no_scenes_are_refused():
    with pytest.raises(ValueError, match="needs a scene and a column at least"):
        contact_sheet([])


@pytest.mark.parametrize("licence", ["LICENSE.MIT", "LICENSE.Unicode-3.0"])
def test_licences_lie_beside_the_emoji(licence):
    assert "Permission is hereby granted" in (HERE / licence).read_text("utf-8")
