from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

from explainers.errors import InvalidRequest
from explainers.inputs import names_in, read_file
from explainers.types import InputCard, TensorSpec

RGB = np.random.default_rng(0).integers(0, 256, (5, 4, 3), dtype=np.uint8)
MEAN, STD = [0.485, 0.456, 0.406], [0.229, 0.224, 0.225]


def spec(*shape, dtype="float32", name="x"):
    return TensorSpec(name=name, dtype=dtype, shape=["N", *shape], batch_axis=0)


@pytest.fixture
def png(tmp_path):
    Image.fromarray(RGB).save(tmp_path / "a.png")
    return tmp_path / "a.png"


def written(folder, name, text):
    (folder / name).write_text(text)
    return folder / name


def test_mean_and_std_of_the_card_are_applied_per_channel(png):
    got = read_file(png, spec(3, 5, 4), InputCard(layout="NCHW", mean=MEAN, std=STD))
    np.testing.assert_allclose(got[0].transpose(1, 2, 0), (RGB / 255 - MEAN) / STD, rtol=1e-5)
    assert (got.dtype, got.shape) == (np.float32, (1, 3, 5, 4))


@pytest.mark.parametrize("layout", ["NCHW", "NHWC"])
def test_a_model_that_takes_blue_first_gets_blue_first(png, layout):
    card = InputCard(layout=layout, channels="BGR", mean=MEAN, std=STD)
    (got,) = read_file(png, spec(*((3, 5, 4) if layout == "NCHW" else (5, 4, 3))), card)
    got = got.transpose(1, 2, 0) if layout == "NCHW" else got
    # mean and std are in the order of the model, as its channels are
    np.testing.assert_allclose(got, (RGB[..., [2, 1, 0]] / 255 - MEAN) / STD, rtol=1e-5)


def test_grey_has_no_order(png):
    grey, blue_first = (
        read_file(png, spec(1, 5, 4), InputCard(kind="image", low=0, high=1, channels=c))
        for c in ("RGB", "BGR")
    )
    np.testing.assert_array_equal(grey, blue_first)


def test_a_mean_above_two_is_in_units_of_255(png):
    got = read_file(png, spec(5, 4, 3), InputCard(layout="NHWC", mean=[127.0], std=[128.0]))
    np.testing.assert_allclose(got[0], (RGB - 127.0) / 128, rtol=1e-5)


def test_low_and_high_stand_for_black_and_white(png):
    got = read_file(png, spec(3, "h", "w"), InputCard(kind="image", low=-1, high=1))
    np.testing.assert_allclose(got[0].transpose(1, 2, 0), RGB / 127.5 - 1, atol=1e-6)


def test_bytes_need_no_range(png):
    np.testing.assert_array_equal(read_file(png, spec(5, 4, 3, dtype="uint8"), InputCard())[0], RGB)


def test_grey_inputs_get_grey_pictures(png):
    got = read_file(png, spec(5, 4), InputCard(kind="image", low=0, high=255))
    np.testing.assert_array_equal(got[0], np.asarray(Image.fromarray(RGB).convert("L"), np.float32))


def test_sixteen_bits_keep_their_range(tmp_path):
    Image.fromarray(np.array([[0, 257 * 100, 65535]], np.uint16)).save(tmp_path / "deep.png")
    got = read_file(tmp_path / "deep.png", spec(1, 3), InputCard(layout="NHW", low=0, high=255))
    np.testing.assert_array_equal(got[0], [[0, 100, 255]])


def test_another_size_is_refused_with_the_wanted_one_unless_asked_for(png):
    card = InputCard(layout="NCHW", low=0, high=1)
    with pytest.raises(InvalidRequest, match=r"a.png has 4 x 5 pixels, input 'x' takes 8 x 6.*--resize"):
        read_file(png, spec(3, 6, 8), card)
    assert read_file(png, spec(3, 6, 8), card, resize=True).shape == (1, 3, 6, 8)


def test_a_picture_without_a_range_or_for_another_input_is_refused(png):
    with pytest.raises(InvalidRequest, match="nobody said"):
        read_file(png, spec(3, 5, 4), InputCard())
    with pytest.raises(InvalidRequest, match="takes no pictures"):
        read_file(png, spec(60), InputCard())


def test_the_name_can_say_what_the_path_does_not(png):
    bare = png.rename(png.with_name("upload"))
    assert read_file(bare, spec(5, 4, 3, dtype="uint8"), InputCard(), filename="a.png").shape == (1, 5, 4, 3)


TABLES = [
    ("1,2,3\n4,5,6\n", "t.csv", (3,), (2, 3)),
    ("a,b,c\n1,2,3\n", "t.csv", (3,), (1, 3)),
    ("1 2 3 4\n", "t.txt", (2, 2), (1, 2, 2)),
    ("1\n2\n3\n", "t.txt", ("T", 1), (1, 3, 1)),
    ("1,2\n", "t.csv", (None,), (1, 2)),
]


@pytest.mark.parametrize(("text", "name", "item", "shape"), TABLES)
def test_tables_are_rows_of_items_or_one_item(text, name, item, shape, tmp_path):
    assert read_file(written(tmp_path, name, text), spec(*item), InputCard()).shape == shape


def test_columns_are_found_by_name(tmp_path):
    file = written(tmp_path, "t.csv", "b,a,id\n1,2,9\n")
    got = read_file(file, spec(2), InputCard(feature_names=["a", "b"]))
    assert got.tolist() == [[2, 1]]
    with pytest.raises(InvalidRequest, match="no column 'c'; its columns are b, a, id"):
        read_file(file, spec(1), InputCard(feature_names=["c"]))


def test_words_are_one_item_per_line(tmp_path):
    file = written(tmp_path, "t.txt", "a good film\nso so\n")
    assert read_file(file, spec(1, dtype="str"), InputCard()).tolist() == [["a good film"], ["so so"]]


WRONG = [
    ("t.csv", "1,2\n3\n", "row 2 has 1 cells, the others have 2"),
    ("t.csv", "a,b,c\n1,x,3\n", "row 2, column 2 holds 'x'"),
    ("t.csv", "", "no rows"),
    ("t.csv", "1,2\n", "1 rows of 2 numbers; an item is 3"),
    ("t.npy", "garbage", "no npy file of plain numbers"),
    ("t.npz", "", "no npz file of plain numbers"),
    ("t.png", "garbage", "no PNG or JPEG"),
    ("t.wav", "", "of no kind that can be read; there are: npy"),
]


@pytest.mark.parametrize(("name", "text", "message"), WRONG)
def test_every_unreadable_file_gets_one_clear_refusal(name, text, message, tmp_path):
    card = InputCard(layout="NHW", low=0, high=1) if name == "t.png" else InputCard()
    shape = (2, 2) if name == "t.png" else (3,)
    with pytest.raises(InvalidRequest, match=message) as caught:
        read_file(written(tmp_path, name, text), spec(*shape), card)
    assert caught.value.pointer == "/inputs/x"
    assert str(tmp_path) not in caught.value.detail


def test_fractions_do_not_become_whole_numbers(tmp_path):
    with pytest.raises(InvalidRequest, match="fractions"):
        read_file(written(tmp_path, "t.csv", "1.5\n"), spec(1, dtype="int64"), InputCard())


def test_objects_in_a_file_are_not_unpickled(tmp_path):
    np.save(tmp_path / "o.npy", np.array([{}], object), allow_pickle=True)
    with pytest.raises(InvalidRequest, match="without objects"):
        read_file(tmp_path / "o.npy", spec(1), InputCard())


def test_an_archive_gives_its_arrays_by_name(tmp_path):
    np.savez(tmp_path / "a.npz", x=np.ones(2), label=np.ones(1))
    known, others = names_in(tmp_path / "a.npz", ["x", "y"])
    assert (list(known), others) == (["x"], ["label"])
    with pytest.raises(InvalidRequest, match="holds x, label; the model takes z"):
        names_in(tmp_path / "a.npz", ["z"])
