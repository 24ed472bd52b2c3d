"""Texts: a tokenizer in the bundle, words as features, masked or taken out; tokenizers that do not fit."""

from __future__ import annotations

import numpy as np
import onnx
import pytest
from reference import texts

import explainers
from explainers.errors import InvalidRequest
from explainers.graph.vocabulary import keep
from explainers.signature import evaluations, read_request
from explainers.words import Words, token_texts

SENTENCE = "A great film, not bad films"
TOKENS = ["[CLS]", " a", " great", " film", ",", " not", " bad", " film", "s", " [SEP]"]
MARKS = [0, 0.1, 3.0, 0.2, 0.0, -1.0, -2.0, 0.25, 0.25, 0]
"""What each token's word adds; the last word has two tokens."""


@pytest.fixture(scope="module")
def reviews(tmp_path_factory):
    return explainers.load(texts.bundle(tmp_path_factory.mktemp("text")), texts.CARD)


def explained(model, method, params=None, sentences=(SENTENCE,)):
    return explainers.explain(model, np.array(sentences), method, params, target={"index": 1})


@pytest.mark.parametrize("fill", ["auto", "mask", "remove", 0])
@pytest.mark.parametrize(
    ("method", "params"),
    [
        ("feature_ablation", {}),
        ("exact_shapley", {}),
        ("kernel_shap", {}),
        ("shapley_sampling", {"samples": 8}),
        ("lime", {"alpha": 0, "samples": 200}),
    ],
)
def test_of_a_sum_each_word_gets_its_own_mark(reviews, method, params, fill):
    found = explained(reviews, method, {**params, "fill": fill})

    np.testing.assert_allclose(found.attributions["input_ids"][0], MARKS, atol=2e-5)
    assert token_texts(found.arrays, "input_ids", 0) == TOKENS
    assert "".join(TOKENS[1:-1]) == " a great film, not bad films"


@pytest.mark.parametrize("fill", ["mask", "remove"])
def test_rise_masks_words_and_leaves_the_ends(reviews, fill):
    found = explained(reviews, "rise", {"masks": 4000, "fill": fill})
    there = np.array(MARKS)
    own = there + (sum(MARKS) - 0.25 - there) / 2

    # what every mask shows has the mean score: it is no better and no worse than the copies are
    level = found.account.per_item["masked_score"][0]
    assert (found.attributions["input_ids"][0, [0, -1]] == level).all()
    assert (found.arrays["error.input_ids"][0, [0, -1]] == 0).all()
    errors = found.arrays["error.input_ids"][0, 1:-1]
    assert (np.abs(found.attributions["input_ids"][0] - own)[1:-1] <= 4 * errors).all()
    assert found.attributions["input_ids"][0].argmax() == 2


@pytest.mark.parametrize("fill", ["mask", "remove"])
def test_windows_leave_the_ends_and_the_padding_where_they_are(fill):
    # a start and padding that weigh more than any word
    model = texts.model()
    (table,) = [t for t in model.graph.initializer if t.name == "table"]
    marks = onnx.numpy_helper.to_array(table).copy()
    marks[[texts.WORDS.index(w) for w in ("[CLS]", "[SEP]", "[PAD]")]] = [50, -70]
    table.CopyFrom(onnx.numpy_helper.from_array(marks, "table"))
    keep(model, "tokenizer.json", texts.tokenizer().encode())
    params, short = {"window": 2, "stride": 1, "fill": fill}, "bad film"
    found = explained(explainers.load(model, texts.CARD), "occlusion", params, (SENTENCE, short))

    tokens = found.arrays["token.input_ids"][1]
    ends = np.isin(np.char.strip(tokens), ["[CLS]", "[SEP]", "[PAD]"])
    assert ends.sum() == 8
    np.testing.assert_array_equal(found.attributions["input_ids"][1, ends], 0)
    # each word is covered alone with an end, and with the other word
    bad, film, both = -2.0, 0.2, -1.8
    expected = [(bad + both) / 2, (film + both) / 2]
    np.testing.assert_allclose(found.attributions["input_ids"][1, 1:3], expected, atol=1e-4)


KINDS = """
    <ir_version: 10, opset_import: ["" : 21]>
    kinds (int64[N, T] input_ids, int64[N, T] token_type_ids) => (float[N, 2] logits) {
        found = Gather (table, input_ids)
        kind = Gather (types, token_type_ids)
        both = Add (found, kind)
        logits = ReduceSum <keepdims = 0> (both, one)
    }
"""


@pytest.fixture(scope="module")
def of_kinds():
    model = onnx.parser.parse_model(KINDS)
    (table,) = [t for t in texts.model().graph.initializer if t.name == "table"]
    types = onnx.numpy_helper.from_array(np.ones((2, 2), np.float32), "types")
    model.graph.initializer.extend([table, types, onnx.numpy_helper.from_array(np.array([1]), "one")])
    keep(model, "tokenizer.json", texts.tokenizer().encode())
    return explainers.load(model, texts.CARD | {"inputs": {"input_ids": texts.CARD["inputs"]["input_ids"]}})


@pytest.mark.parametrize(
    ("method", "params", "asked"),
    [
        ("occlusion", {}, 10), ("feature_ablation", {}, 7), ("exact_shapley", {}, 2**7 - 1), ("lime", {}, None),
        ("kernel_shap", {}, 2**7 - 1), ("rise", {"masks": 16}, None),
    ],
)  # fmt: skip
def test_kinds_of_tokens_come_with_the_text_and_are_no_features(of_kinds, method, params, asked):
    found = explained(of_kinds, method, params)

    assert of_kinds.description.explained_inputs == ["input_ids", "token_type_ids"]
    assert list(found.attributions) == ["input_ids"]
    assert found.account.held_fixed["token_type_ids"] == "not explained by this method"
    assert asked is None or found.account.model_evaluations == asked + 1
    wanted = {**params, "explain_inputs": ["token_type_ids"], "fill": 1.0}
    if method in ("occlusion", "feature_ablation"):
        assert list(explained(of_kinds, method, wanted).attributions) == ["token_type_ids"]


def test_what_is_taken_out_leaves_a_shorter_text(reviews):
    from explainers.asking.covers import Removed

    ids = reviews.words["input_ids"].encode([SENTENCE], None)["ids"][0]
    cover = Removed("input_ids", ids, {"attention_mask": np.ones_like(ids)}, pad=0)
    there = np.ones((1, len(ids)), bool)
    there[0, [2, 5]] = False
    found = cover.show(there, np.zeros(1, int))

    own = reviews.words["input_ids"].encode(["a film, bad films"], len(ids))
    np.testing.assert_array_equal(found["input_ids"], own["ids"])
    np.testing.assert_array_equal(found["attention_mask"], own["attention_mask"])


def test_texts_of_a_batch_are_padded_and_equal_texts_alone(reviews):
    both = explained(reviews, "kernel_shap", sentences=[SENTENCE, "great films"])
    alone = explained(reviews, "kernel_shap", sentences=["great films"])

    np.testing.assert_allclose(
        both.attributions["input_ids"][1, :5], alone.attributions["input_ids"][0], atol=1e-5
    )
    assert (both.attributions["input_ids"][1, 5:] == 0).all()
    assert token_texts(both.arrays, "input_ids", 1)[4:7] == [" [SEP]", " [PAD]", " [PAD]"]


def test_a_model_of_one_length_gets_texts_of_that_length(tmp_path):
    model = explainers.load(texts.bundle(tmp_path, 6), texts.CARD)
    found = explained(model, "feature_ablation", sentences=[SENTENCE, "great"])

    np.testing.assert_allclose(found.attributions["input_ids"][0], [0, 0.1, 3, 0.2, 0, 0], atol=1e-5)
    assert token_texts(found.arrays, "input_ids", 1) == ["[CLS]", " great", " [SEP]", *[" [PAD]"] * 3]


def test_neighbouring_words_go_together_where_there_are_too_many(reviews):
    found = explained(reviews, "exact_shapley", {"segments": 3})

    np.testing.assert_allclose(found.arrays["group.input_ids"][0], [3.1 + 0.2, 0.0 - 1, -2 + 0.25], atol=1e-5)
    np.testing.assert_array_equal(found.arrays["segment.input_ids"][0], [-1, 0, 0, 0, 1, 1, 2, 2, 2, -1])


def test_tokens_without_a_tokenizer_are_features_of_their_own():
    model = explainers.load(texts.model())
    ids = np.array([[2, 5, 6, 7, 3]])
    inputs = {"input_ids": ids, "attention_mask": np.ones_like(ids)}
    params = {"explain_inputs": ["input_ids"], "fill": texts.WORDS.index("[MASK]")}
    found = explainers.explain(model, inputs, "feature_ablation", params, target=1)

    np.testing.assert_allclose(found.attributions["input_ids"][0], [0, 0.1, 3.0, 0.2, 0], atol=1e-5)
    assert not any(n.startswith("token.") for n in found.arrays)


@pytest.mark.parametrize("fill", ["mean", "blur", 2.5, {"input_ids": "mean"}])
def test_tokens_have_no_mean_and_no_halves(reviews, fill):
    with pytest.raises(InvalidRequest, match="holds tokens, whose numbers are no amounts"):
        explained(reviews, "exact_shapley", {"fill": fill})


def test_backward_methods_show_the_tokens_too(reviews):
    found = explained(reviews, "input_x_gradient")

    assert token_texts(found.arrays, "input_ids", 0) == TOKENS
    assert found.attributions["input_ids"][0].argmax() == 2


def test_a_tokenizer_that_does_not_fit_is_refused(tmp_path):
    with pytest.raises(InvalidRequest, match=r"ids reach 14.*13 tokens") as refused:
        explainers.load(texts.bundle(tmp_path, "T", "one", "two"), texts.CARD)

    assert refused.value.pointer == "/card/inputs/input_ids/tokenizer"


def test_a_tokenizer_that_did_not_come_is_refused():
    with pytest.raises(InvalidRequest, match="did not come with the model"):
        explainers.load(texts.model(), texts.CARD)


def test_a_file_that_is_no_tokenizer_is_refused():
    proto = texts.model()
    keep(proto, "tokenizer.json", b"{}")

    with pytest.raises(InvalidRequest, match="no tokenizer"):
        explainers.load(proto, texts.CARD)


def test_a_model_keeps_its_tokenizer_in_its_bytes():
    proto = texts.model()
    keep(proto, "tokenizer.json", texts.tokenizer().encode())
    model = explainers.load(onnx.ModelProto.FromString(proto.SerializeToString()), texts.CARD)

    assert set(model.words) == {"input_ids"}


@pytest.mark.parametrize(
    ("card", "params", "pointer"),
    [
        ({}, {"fill": "mask"}, "/params/fill"),
        ({}, {"fill": "remove"}, "/params/fill"),
        ({}, {"groups": "words"}, "/params/groups"),
        (texts.CARD["inputs"]["input_ids"], {"fill": "inpaint"}, "/params/fill"),
    ],
)
def test_what_needs_a_tokenizer_is_refused_without_one(card, params, pointer):
    from explainers.types import Card, InputCard

    request = read_request({"method": "kernel_shap", "params": params})
    own = Card(inputs={"input_ids": InputCard.model_validate(card)})
    with pytest.raises(InvalidRequest) as refused:
        evaluations(request, {"input_ids": np.zeros((1, 8), int)}, None, own)

    assert refused.value.pointer == pointer


def test_what_decodes_to_something_else_is_shown_token_by_token():
    words = Words(texts.tokenizer(), "tokenizer.json")
    # a piece that continues a word, with none before it
    found = words.tokens(np.array([texts.WORDS.index("##s"), texts.WORDS.index("great")]))

    assert found.texts == [" ##s", " great"]
    assert found.words.tolist() == [0, 1]
