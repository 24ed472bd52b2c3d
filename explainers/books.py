"""Read the columns that a ledger emitted as the books of each node."""

from __future__ import annotations

from collections.abc import Sequence

from .types import Array, LedgerEntry, LedgerRow


def ledger_entries(rows: Sequence[LedgerRow], figures: Array) -> list[LedgerEntry]:
    """Return each node's books; `figures` holds a row per item: for each node in, out, size and what was absorbed."""
    entries, column = [], 0
    for row in rows:
        came, went, size, *absorbed = figures[:, column : column + 3 + len(row.absorbers)].T
        column += 3 + len(row.absorbers)
        entries.append(
            LedgerEntry(
                node=row.node,
                operator=row.operator,
                rule=row.rule,
                relevance_in=came.tolist(),
                relevance_out=went.tolist(),
                absorbed={k: v.tolist() for k, v in zip(row.absorbers, absorbed, strict=True)},
                size=size.tolist(),
                unexplained=(came - went - sum(absorbed)).tolist(),
            )
        )
    return entries
