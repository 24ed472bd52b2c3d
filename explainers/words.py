"""Texts and tokens: a bundle's tokenizer.json, the words that tokens belong to, and tokens as they are shown."""

from __future__ import annotations

import itertools
import json
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np

from .errors import InvalidRequest, pointer_to
from .types import Array, Arrays, Card, InputCard, TensorSpec

KEY = "onnxplain.tokenizer/"
"""A model's metadata hold tokenizers under this, followed by the name that cards call them by."""
MASKS = ("[MASK]", "<mask>", "<MASK>")
PADS = ("[PAD]", "<pad>", "<PAD>")
COMPANIONS = {"attention_mask": "attention_mask", "token_type_ids": "type_ids"}
"""Inputs that come with the tokens, by the names that transformers give them, and what of an encoding they hold."""
SHOWN = 24
"""Characters of a token in a result; longer ones are cut."""
ASIDE = -1
"""The word of a token that belongs to none: a start, an end, padding."""


@dataclass(frozen=True)
class Tokens:
    """The tokens of one item: what each looks like, with the space before it, and which word it belongs to."""

    texts: list[str]
    words: Array


class Words:
    """A tokenizer in the form of Hugging Face's `tokenizer.json`."""

    def __init__(self, text: str, name: str) -> None:
        """Read a tokenizer; InvalidRequest where it is none."""
        self.name = name
        try:
            from tokenizers import Tokenizer

            self._own = Tokenizer.from_str(text)
            fields: dict[str, Any] = json.loads(text)
        except ImportError as e:
            raise InvalidRequest("texts need the package tokenizers; install onnxplain[text]") from e
        except Exception as e:  # the library raises bare exceptions
            raise InvalidRequest(
                f"{name} is no tokenizer in the form of Hugging Face's tokenizer.json: {str(e)[:160]}"
            ) from e
        vocabulary = self._own.get_vocab(with_added_tokens=True)
        self.size = max(vocabulary.values(), default=-1) + 1
        """The greatest id is below this."""
        self._padded = self._own.padding
        self._own.no_padding()
        self._own.no_truncation()
        self.mask = _first(vocabulary, MASKS)
        self.pad = self._padded["pad_id"] if self._padded else _first(vocabulary, PADS)
        unknown = (fields.get("model") or {}).get("unk_token")
        added = self._own.get_added_tokens_decoder()
        self._aside = {i for i, t in added.items() if t.special and i != self.mask and t.content != unknown}

    def encode(self, texts: Sequence[str], length: int | None) -> Arrays:
        """Return `ids`, `attention_mask` and `type_ids` of texts, (items, length), cut or padded to one length."""
        self._own.no_truncation()
        if length is not None:
            self._own.enable_truncation(length)
        found = [self._own.encode(str(t)) for t in texts]
        longest = length or max((len(e.ids) for e in found), default=0)
        if any(len(e.ids) < longest for e in found):
            if self.pad is None:
                raise InvalidRequest(
                    f"the texts differ in length, and {self.name} has no token to pad them with; send them one by one"
                )
            for e in found:
                e.pad(longest, pad_id=self.pad)
        return {
            k: np.array([getattr(e, k) for e in found], np.int64).reshape(len(found), -1)
            for k in ("ids", "attention_mask", "type_ids")
        }

    def tokens(self, ids: Array) -> Tokens:
        """Return what the tokens of one item look like and which words they make; words are found in the decoded text."""
        wanted = [int(i) for i in ids]
        text = self._own.decode(wanted, skip_special_tokens=False)
        self._own.no_truncation()
        again = self._own.encode(text, add_special_tokens=False)
        if again.ids != wanted:
            return self._apart(wanted)
        ends = [0, *(end for _, end in again.offsets)]
        texts = [text[a:b] for a, b in itertools.pairwise(ends)]
        words = again.word_ids
        return Tokens(texts, self._numbered(wanted, words))

    def _apart(self, ids: list[int]) -> Tokens:
        """Take every token for a word: what is decoded from these tokens is not what they were made of."""
        texts = [" " + (self._own.id_to_token(i) or f"#{i}") for i in ids]
        return Tokens(texts, self._numbered(ids, list(range(len(ids)))))

    def _numbered(self, ids: list[int], words: Sequence[int | None]) -> Array:
        """Number the words through; tokens that stand aside get ASIDE."""
        out, number, last = np.full(len(ids), ASIDE, np.int64), -1, None
        for at, (i, word) in enumerate(zip(ids, words, strict=True)):
            if i in self._aside:
                last = None
                continue
            number += word is None or word != last
            out[at], last = number, word
        return out


def _first(vocabulary: Mapping[str, int], names: Sequence[str]) -> int | None:
    return next((vocabulary[n] for n in names if n in vocabulary), None)


@lru_cache(maxsize=8)
def read(text: str, name: str) -> Words:
    """Return a tokenizer, read once."""
    return Words(text, name)


def names_in(card: Card) -> list[str]:
    """Return the files of tokenizers that a card speaks of."""
    return sorted({i.tokenizer for i in card.inputs.values() if i.tokenizer})


def find(metadata: Mapping[str, str], card: Card, specs: Sequence[TensorSpec]) -> dict[str, Words]:
    """Return the tokenizer of each input of text, or refuse one that is missing or whose input holds no tokens."""
    out = {}
    for spec in specs:
        name = card.input(spec.name).tokenizer
        if name is None:
            continue
        where = pointer_to("card", "inputs", spec.name, "tokenizer")
        if KEY + name not in metadata:
            raise InvalidRequest(
                f"the card of {spec.name!r} names the tokenizer {name!r}, which did not come with the model; send it as an "
                "external file of the bundle, or put it beside the model",
                pointer=where,
            )
        if np.dtype(spec.dtype).kind not in "iu" or len(spec.shape or [0, 0]) != 2:
            raise InvalidRequest(
                f"a tokenizer makes whole numbers, items by tokens; {spec.name!r} takes {spec.dtype} of shape {spec.shape}",
                pointer=where,
            )
        try:
            out[spec.name] = read(metadata[KEY + name], name)
        except InvalidRequest as e:
            raise InvalidRequest(e.detail, pointer=where) from e
    return out


def check_size(words: Words, rows: int, input: str) -> None:
    """Refuse a tokenizer that knows more tokens than the embedding of its input has rows."""
    if words.size > rows:
        raise InvalidRequest(
            f"{words.name} does not fit the model: its ids reach {words.size - 1}, and {input!r} has embeddings for "
            f"{rows} tokens (0 to {rows - 1})",
            pointer=pointer_to("card", "inputs", input, "tokenizer"),
        )


def asked_for(
    names: Iterable[str], asked: Collection[str] | None, cards: Mapping[str, InputCard]
) -> list[str]:
    """Return which inputs a method that asks explains: those asked for, else all but the kinds of tokens beside a text."""
    names = list(names)
    if asked is not None:
        return [n for n in names if n in asked]
    texts = [n for n in names if n in cards and cards[n].tokenizer]
    return [n for n in names if not texts or n in texts or n not in COMPANIONS]


def is_text(a: Any) -> bool:
    """Say whether an array holds words."""
    return np.asarray(a).dtype.kind in "UOS"


def encoded(inputs: Mapping[str, Any], words: Mapping[str, Words], specs: Sequence[TensorSpec]) -> Arrays:
    """Return inputs with every text as tokens; masks and kinds of tokens that the model takes besides are filled in."""
    out = {n: np.asarray(a) for n, a in inputs.items()}
    types = {s.name: s for s in specs}
    for name, own in words.items():
        if name not in out or not is_text(out[name]):
            continue
        shape = types[name].shape
        length = shape[1] if shape and isinstance(shape[1], int) else None
        try:
            found = own.encode([_text(t) for t in out[name].reshape(-1)], length)
        except InvalidRequest as e:
            raise InvalidRequest(e.detail, pointer=f"/inputs/{name}") from e
        out[name] = found["ids"].astype(types[name].dtype)
        for companion, part in COMPANIONS.items():
            if companion in types and companion not in out:
                out[companion] = found[part].astype(types[companion].dtype)
    return out


def _text(t: Any) -> str:
    return t.decode("utf-8", "replace") if isinstance(t, bytes) else str(t)


def shown(inputs: Arrays, words: Mapping[str, Words], explained: Collection[str]) -> Arrays:
    """Return the tokens of the explained texts as they are shown, under `token.<input>`: joined they are the text."""
    out = {}
    for name, own in words.items():
        if name in explained:
            rows = [[_cut(t) for t in own.tokens(ids).texts] for ids in inputs[name]]
            out[f"token.{name}"] = np.array(rows, f"<U{SHOWN}")
    return out


def _cut(text: str) -> str:
    return text if len(text) <= SHOWN else text[: SHOWN - 1] + "…"


def token_texts(arrays: Arrays, name: str, item: int) -> list[str] | None:
    """Return an item's tokens as a result holds them, each with the space before it; None where the input is no text."""
    found = arrays.get(f"token.{name}")
    return None if found is None else [str(t) for t in found[item]]
