"""Networks that attend in every way there is a name for, in PyTorch; each keeps its maps as (N, heads, queries, keys)."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional


class Attending(nn.Module):
    """Keeps the maps of the last forward pass."""

    maps: list[Tensor]

    def keep(self, weights: Tensor) -> Tensor:
        """Remember a map, missing axes added."""
        shape = {2: (weights.shape[0], 1, 1, -1), 3: (weights.shape[0], 1, *weights.shape[1:])}
        self.maps.append(weights.reshape(shape[weights.ndim]) if weights.ndim < 4 else weights)
        return weights


class SelfAttention(Attending):
    """Two residual layers of multi-head self-attention (Vaswani et al., 2017); `form` says how products are written."""

    def __init__(self, form: str = "matmul", width: int = 8, heads: int = 2) -> None:
        super().__init__()
        self.form, self.heads, self.maps = form, heads, []
        self.qkv = nn.ModuleList(nn.Linear(width, 3 * width) for _ in range(2))
        self.head = nn.Linear(width, 3)

    def forward(self, x: Tensor) -> Tensor:
        self.maps = []
        for layer in self.qkv:
            x = x + self.attend(layer(x), x.shape)
        out: Tensor = self.head(torch.tanh(x)).mean(1)
        return out

    def attend(self, qkv: Tensor, shape: torch.Size) -> Tensor:
        """One layer, from its projections."""
        n, t, width = shape
        if self.form == "folded":
            q, k, v = (
                p.reshape(n, t, self.heads, -1).transpose(1, 2).reshape(n * self.heads, t, -1)
                for p in qkv.chunk(3, 2)
            )
            weights = torch.softmax(torch.bmm(q, k.transpose(1, 2)) / 2.0, -1)
            self.keep(weights.reshape(n, self.heads, t, t))
            return torch.bmm(weights, v).reshape(n, self.heads, t, -1).transpose(1, 2).reshape(shape)
        q, k, v = qkv.reshape(n, t, 3, self.heads, width // self.heads).permute(2, 0, 3, 1, 4).unbind(0)
        scores = q @ k.transpose(-1, -2) / 2.0
        if self.form == "written_out":
            e = torch.exp(scores - scores.max(-1, keepdim=True).values)
            weights = e / e.sum(-1, keepdim=True)
        else:
            weights = torch.softmax(scores, -1)
        self.keep(weights)
        if self.form == "einsum":
            return torch.einsum("bhij,bhjd->bihd", weights, v).reshape(shape)
        if self.form == "turned":
            return (v.transpose(-1, -2) @ weights.transpose(-1, -2)).permute(0, 3, 1, 2).reshape(shape)
        return (weights @ v).transpose(1, 2).reshape(shape)


class Additive(Attending):
    """A query over the states of a sequence (Bahdanau et al., 2014); the sum is a product of matrices or written out."""

    def __init__(self, form: str = "matmul") -> None:
        super().__init__()
        self.form, self.maps = form, []
        self.w, self.u, self.v, self.head = nn.Linear(6, 5), nn.Linear(6, 5), nn.Linear(5, 1), nn.Linear(6, 3)

    def forward(self, x: Tensor) -> Tensor:
        self.maps = []
        scores = self.v(torch.tanh(self.w(x[:, -1:]) + self.u(x)))
        if self.form == "matmul":
            weights = self.keep(torch.softmax(scores[..., 0], 1))
            read = torch.bmm(weights.unsqueeze(1), x)[:, 0]
        else:
            weights = torch.softmax(scores, 1)
            self.keep(weights[..., 0])
            read = (weights * x).sum(1)
        out: Tensor = self.head(read)
        return out


class Decoder(Attending):
    """Several queries over other states: as many rows of weights as queries."""

    def __init__(self) -> None:
        super().__init__()
        self.maps, self.q, self.k, self.head = [], nn.Linear(6, 4), nn.Linear(6, 4), nn.Linear(6, 3)

    def forward(self, x: Tensor) -> Tensor:
        self.maps = []
        queries, states = x[:, :2], x[:, 2:]
        weights = self.keep(torch.softmax(self.q(queries) @ self.k(states).transpose(1, 2), -1))
        out: Tensor = self.head((weights @ states).mean(1))
        return out


class Captioner(Attending):
    """Three words, each looking at an image's cells anew (Xu et al., 2015)."""

    def __init__(self) -> None:
        super().__init__()
        self.maps = []
        self.look, self.ask, self.score = nn.Conv2d(2, 6, 3, 2, 1), nn.Linear(6, 6), nn.Linear(6, 1)
        self.cell, self.word = nn.Linear(12, 6), nn.Linear(6, 4)

    def forward(self, x: Tensor) -> Tensor:
        self.maps = []
        cells = self.look(x).flatten(2).transpose(1, 2)
        state = cells.mean(1)
        words = []
        for _ in range(3):
            alpha = torch.softmax(self.score(torch.tanh(cells + self.ask(state)[:, None]))[..., 0], 1)
            self.keep(alpha)
            context = (cells * alpha[..., None]).sum(1)
            state = torch.tanh(self.cell(torch.cat([state, context], 1)))
            words.append(self.word(state))
        return torch.cat(words, 1)


class Gate(Attending):
    """Features weighted by what they are, not summed."""

    def __init__(self) -> None:
        super().__init__()
        self.maps, self.gate, self.head = [], nn.Linear(6, 6), nn.Linear(6, 3)

    def forward(self, x: Tensor) -> Tensor:
        self.maps = []
        weights = self.keep(torch.softmax(self.gate(x), 1))
        out: Tensor = self.head(torch.tanh(x * weights))
        return out


class Memory(Attending):
    """Three hops over a memory of the sentence (Sukhbaatar et al., 2015)."""

    def __init__(self) -> None:
        super().__init__()
        self.maps, self.a, self.c, self.head = [], nn.Linear(6, 5), nn.Linear(6, 5), nn.Linear(5, 3)

    def forward(self, x: Tensor) -> Tensor:
        self.maps = []
        keys, values = self.a(x[:, 1:]), self.c(x[:, 1:])
        u = self.a(x[:, 0])
        for _ in range(3):
            p = self.keep(torch.softmax((keys @ u[..., None])[..., 0], -1))
            u = u + (p[:, None] @ values)[:, 0]
        out: Tensor = self.head(u)
        return out


class Encoder(Attending):
    """PyTorch's own layer, whose weights it does not give; they are computed again from its parameters."""

    def __init__(self) -> None:
        super().__init__()
        self.maps, self.own = [], nn.MultiheadAttention(8, 2, batch_first=True)
        self.head = nn.Linear(8, 3)

    def forward(self, x: Tensor) -> Tensor:
        y, weights = self.own(x, x, x, need_weights=True, average_attn_weights=False)
        self.maps = [weights]
        out: Tensor = self.head(functional.gelu(x + y)).mean(1)
        return out


FORMS = ("matmul", "einsum", "turned", "folded", "written_out")
SEQUENCE = (2, 5, 8)
NETWORKS = {
    **{form: (lambda form=form: SelfAttention(form), SEQUENCE) for form in FORMS},
    "multihead": (Encoder, SEQUENCE),
    "additive": (Additive, (2, 5, 6)),
    "additive_sum": (lambda: Additive("sum"), (2, 5, 6)),
    "decoder": (Decoder, (2, 6, 6)),
    "captioning": (Captioner, (2, 2, 6, 8)),
    "gate": (Gate, (2, 6)),
    "memory": (Memory, (2, 5, 6)),
}  # fmt: skip
