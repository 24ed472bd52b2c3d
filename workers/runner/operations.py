"""What a runner can be asked: to look at a model, to read a file, to explain items, to draw one."""

from __future__ import annotations

import mmap
import os
import time
import traceback
from collections import OrderedDict
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np

from explainers import errors, inputs
from explainers.errors import ExplainError
from explainers.pixels import fit
from explainers.types import Account, Array, Arrays, Card, Explanation, TensorSpec
from workers import arrays as npy
from workers.errors import NotFound

from . import readers
from .frames import Channel, Frame, close_all

if TYPE_CHECKING:
    from explainers.graph.limits import Limits
    from explainers.model import Model
    from explainers.render import Scene

Answer = tuple[dict[str, Any], Arrays]
MODELS = 4
PROGRESS_SECONDS = 0.1


class Operations:
    """The operations of one runner, and the models that it holds open."""

    def __init__(self, channel: Channel) -> None:
        self.channel = channel
        self._models: OrderedDict[str, Model] = OrderedDict()
        self._reported = 0.0
        self._operations: dict[str, Callable[[Frame], Answer]] = {
            "scan": self._scan,
            "bundle": self._bundle,
            "graph": self._graph,
            "tokens": self._tokens,
            "explain": self._explain,
            "dataset": self._dataset,
            "input": self._input,
            "picture": self._picture,
            "views": self._views,
        }

    def answer(self, frame: Frame) -> None:
        """Do what a frame asks for and send the result, or why there is none."""
        if frame.fields.get("op") == "cancel":
            return  # it came after the last answer
        try:
            fields, arrays = self._operations[str(frame.fields["op"])](frame)
            self.channel.send({"kind": "result", **fields}, arrays)
        except ExplainError as e:
            self._fail(e)
        except MemoryError:
            self._fail(
                errors.ResourceLimit(
                    "the work needs more memory than there is; send smaller items or fewer samples"
                )
            )
        except RecursionError:
            self._fail(errors.ResourceLimit("the model is nested too deeply"))
        except (BrokenPipeError, ConnectionError):
            raise
        except Exception as e:  # noqa: BLE001  whatever a stranger's model brings about must not end as a traceback
            traceback.print_exc()
            self._fail(
                errors.RuntimeFailure(
                    f"the engine failed in a way that it does not know ({type(e).__name__})"
                )
            )
        finally:
            close_all(frame.descriptors)

    def _fail(self, error: ExplainError) -> None:
        self.channel.send({"kind": "error", "error": error.to_json()})

    def _scan(self, frame: Frame) -> Answer:
        import explainers

        card = Card.model_validate(frame.fields["card"])
        model = explainers.load(_bytes(frame.descriptors[0]), card, _limits(frame))
        return {"description": model.describe().model_dump(mode="json")}, {}

    def _bundle(self, frame: Frame) -> Answer:
        from explainers.graph.bundle import take_in

        model, *sources = (_view(d) for d in frame.descriptors[:-1])
        files, words = dict(zip(frame.fields["names"], sources, strict=True)), frame.fields["tokenizers"]
        data = take_in(bytes(model), files, _limits(frame), words)
        with os.fdopen(os.dup(frame.descriptors[-1]), "wb") as target:
            target.write(data)
        return {}, {}

    def _graph(self, frame: Frame) -> Answer:
        import explainers

        fields, (source, out) = frame.fields, frame.descriptors
        model = explainers.load(_bytes(source), Card.model_validate(fields["card"]), _limits(frame))
        graph = explainers.compile(model, fields["method"], fields["params"], fields["target"])
        with os.fdopen(os.dup(out), "wb") as target:
            target.write(graph.SerializeToString())
        return {}, {}

    def _tokens(self, frame: Frame) -> Answer:
        from explainers.graph.vocabulary import in_bytes
        from explainers.words import encoded

        specs = [TensorSpec.model_validate(s) for s in frame.fields["specs"]]
        card = Card.model_validate(frame.fields["card"])
        words = in_bytes(bytes(_view(frame.descriptors[0])), card, specs)
        return {}, {n: npy.plain(a) for n, a in encoded(frame.arrays, words, specs).items()}

    def _explain(self, frame: Frame) -> Answer:
        import explainers

        fields, began = frame.fields, time.time_ns()
        model = self._model(frame)
        loaded = time.time_ns()
        inputs, datasets = self._inputs(frame)
        found = explainers.explain(
            model,
            inputs,
            fields["method"],
            fields["params"],
            fields["target"],
            fields["seed"],
            self._progress,
            # what a parameter names is one of these, never a file
            models={
                n: _bytes(d) for n, d in zip(fields.get("models", ()), frame.descriptors[1:], strict=True)
            },
            datasets=datasets,
            provider=fields["provider"],
            threads=fields["threads"],
            # cores are shared with other runners, the ledger and the broker
            spinning=False,
        )
        # for the supervisor's spans: nothing can be sent from here
        did = [["load", began, loaded], ["explain", loaded, time.time_ns()]]
        return {"account": found.account.model_dump(mode="json"), "steps": did}, found.arrays

    def _model(self, frame: Frame) -> Model:
        import explainers

        key = f"{frame.fields['model']} {frame.fields['card']}"
        if key not in self._models:
            if not frame.descriptors:
                raise NotFound("the model's bytes did not come with the order")
            card = Card.model_validate(frame.fields["card"])
            self._models[key] = explainers.load(_bytes(frame.descriptors[0]), card=card)
            while len(self._models) > MODELS:
                self._models.popitem(last=False)
        self._models.move_to_end(key)
        return self._models[key]

    def _inputs(self, frame: Frame) -> tuple[Arrays, dict[str, Arrays]]:
        """Return the inputs, and the data sets that parameters name; pictures are brought to the input's size and range."""
        card = Card.model_validate(frame.fields["card"])
        pixels: dict[str, Any] = frame.fields.get("pixels", {})

        def fitted(name: str, a: Array, spec: Any) -> Array:
            return a if spec is None else fit(a, TensorSpec.model_validate(spec), card.input(name))

        data = frame.fields.get("data", {})
        places = {p["array"] for entries in data.values() for p in entries.values()}
        rows = {
            key: {n: fitted(n, frame.arrays[p["array"]], p["spec"]) for n, p in entries.items()}
            for key, entries in data.items()
        }
        return {n: fitted(n, a, pixels.get(n)) for n, a in frame.arrays.items() if n not in places}, rows

    def _progress(self, done: int, total: int, unit: str) -> None:
        if self.channel.ready():
            self.channel.receive()  # nothing but a cancellation comes while an order is being carried out
            raise errors.Cancelled("the job was cancelled while it ran")
        if done >= total or time.monotonic() - self._reported > PROGRESS_SECONDS:
            self._reported = time.monotonic()
            self.channel.send({"kind": "progress", "done": int(done), "total": int(total), "unit": unit})

    def _dataset(self, frame: Frame) -> Answer:
        source, out = frame.descriptors
        with os.fdopen(os.dup(source), "rb") as file, os.fdopen(os.dup(out), "wb") as target:
            table = readers.read(file, frame.fields["filename"], frame.fields["limit"])
            stored = [_store(target, name, a) for name, a in table.arrays.items()]
        finite = all(a.dtype.kind != "f" or bool(np.isfinite(a).all()) for a in table.arrays.values())
        return {"kind_of": table.kind, "columns": table.columns, "finite": finite, "stored": stored}, {}

    def _input(self, frame: Frame) -> Answer:
        spec = TensorSpec.model_validate(frame.fields["spec"])
        card = Card.model_validate(frame.fields["card"])
        filename, limit = frame.fields["filename"], frame.fields["limit"]
        with os.fdopen(os.dup(frame.descriptors[0]), "rb") as file:
            if inputs.suffix_of(filename) not in inputs.ARRAYS:
                return {}, {spec.name: inputs.read_open(file, spec, card.input(spec.name), filename)}
            return {}, _named(readers.read(file, filename, limit).arrays, spec.name)

    def _picture(self, frame: Frame) -> Answer:
        from explainers import render

        fields = frame.fields
        drawn = render.draw(_scene(frame), fields["view"], fields["format"])
        made = drawn.encode() if isinstance(drawn, str) else render.finish(drawn, fields["format"])
        return {}, {"picture": np.frombuffer(made, np.uint8)}

    def _views(self, frame: Frame) -> Answer:
        from explainers import render

        return {"views": [{"name": p.name, "page": p.page} for p in render.able(_scene(frame))]}, {}


def _scene(frame: Frame) -> Scene:
    from explainers import render

    fields = frame.fields
    card = render.settled(Card.model_validate(fields["card"]), fields["axes"])
    specs = {name: TensorSpec.model_validate(spec) for name, spec in fields["pixels"].items()}
    given = {name.removeprefix("i:"): a for name, a in frame.arrays.items() if name.startswith("i:")}
    shown = {n: fit(a, specs[n], card.input(n)) if n in specs else a for n, a in given.items()}
    arrays = {name.removeprefix("r:"): a for name, a in frame.arrays.items() if name.startswith("r:")}
    explanation = Explanation(arrays, Account.model_validate(fields["account"]), shown)
    return render.Scene(explanation, shown, card, fields["item"], fields.get("of"), number=fields["number"])


def _limits(frame: Frame) -> Limits:
    from explainers.graph.limits import Limits

    return Limits(**frame.fields.get("limits", {}))


def _bytes(descriptor: int) -> bytes:
    view = _view(descriptor)
    if not view:
        raise errors.ModelUnparseable("the file is empty; send the bytes of an .onnx file")
    return bytes(view)


def _view(descriptor: int) -> memoryview:
    size = os.fstat(descriptor).st_size
    return memoryview(mmap.mmap(descriptor, size, prot=mmap.PROT_READ) if size else b"")


def _store(file: Any, name: str, a: Any) -> dict[str, Any]:
    offset = file.tell()
    a = npy.plain(a)
    npy.write(file, a)
    return {
        "name": name,
        "dtype": str(a.dtype),
        "shape": list(a.shape),
        "offset": offset,
        "size": file.tell() - offset,
    }


def _named(arrays: Arrays, name: str) -> Arrays:
    return {name: next(iter(arrays.values()))} if len(arrays) == 1 else arrays
