"""A data set as a layer sees it, in two dimensions: t-SNE (van der Maaten & Hinton, 2008) or principal components."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, Literal

from pydantic import BeforeValidator, Field

from ..baselines import as_column
from ..datasets import Datasets
from ..errors import InvalidRequest
from ..registry import Params, method
from ..types import Arrays

if TYPE_CHECKING:
    from ..run import Run


class EmbeddingMapParams(Params):
    """Parameters of `embedding_map`."""

    layer: str = Field(
        "auto",
        description="Tensor, node or input whose values are mapped; 'auto': the features that the last layer with weights reads.",
    )
    method: Literal["tsne", "pca"] = Field(
        "tsne", description="t-SNE, which keeps neighbours together, or the first two principal components."
    )
    perplexity: float = Field(
        30.0, ge=1, description="How many neighbours each item has in t-SNE; less than the number of items."
    )
    labels: Annotated[list[int | str] | None, BeforeValidator(as_column)] = Field(
        None, description="What each item is; by default the class that the model says."
    )

    def check_items(self, items: int, data: Datasets) -> None:  # noqa: ARG002  labels are given in line
        """Refuse labels that are not one for each item."""
        if self.labels is not None and len(self.labels) != items:
            raise InvalidRequest(
                f"there are {len(self.labels)} labels for {items} items", pointer="/params/labels"
            )


@method(
    family="prototype",
    paper="van der Maaten & Hinton, 2008, JMLR 9; Pearson, 1901, doi:10.1080/14786440109462720",
    needs="run",
    per_item=False,
)
def embedding_map(run: Run, params: EmbeddingMapParams) -> Arrays:
    """Where the items of a data set lie in a layer, drawn in two dimensions; the inputs are the data set."""
    from ..inside.flat_map import labels_of, mapped
    from ..inside.layers import Layers
    from ..inside.reading import Reader

    layers = Layers(run.model)
    name = layers.embedding() if params.layer == "auto" else layers.find(params.layer)
    params.check_items(run.items, run.datasets)
    labels = labels_of(run, params.labels)
    values: Any = Reader(run, [name]).all()[name]
    run.facts["layer"] = name
    return {"map": mapped(run, values.reshape(run.items, -1), params), "label": labels}
