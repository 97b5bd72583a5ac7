"""Writes the graph by which `voice.moonshine` runs its decoder: ``python -m benchmarks.moonshine_graph``.

The published decoder spends three quarters of its time on the shapes of tensors: its graph was exported for
any batch, mask and cache, twice over. This writes the same arithmetic with what a step needs and nothing
else, as HuggingFace's ``MoonshineDecoder`` has it. The weights stay in the published file: the graphs say
where they stand in it. ``tests/test_moonshine.py`` compares both.
"""

import argparse
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper
from onnxruntime.tools.ort_format_model.ort_flatbuffers_py.fbs.InferenceSession import InferenceSession

from voice.moonshine import DECODER, HEADS, LAYERS, SOUND_GRAPH, TURNED, WIDTH, WORDS_GRAPH, installed

SIZE = HEADS * WIDTH
EPSILON = 1e-5
MICROSOFT = "com.microsoft"
SMALL = 10_000
"""Bytes up to which weights stand in the graph itself."""
_RAW_DATA = 12
"""The field of a flatbuffer's tensor that holds its bytes."""


@dataclass(frozen=True)
class Weight:
    """A tensor of the published file."""

    values: NDArray[Any]
    offset: int
    """Of its first byte."""


@dataclass(frozen=True)
class Published:
    """What the published decoder holds."""

    weights: dict[str, Weight]
    inputs: dict[str, list[str]]
    """Of its nodes, by name."""

    @classmethod
    def read(cls, file: Path) -> "Published":
        """Of a model in ONNX Runtime's own format."""
        content = bytearray(file.read_bytes())
        graph = InferenceSession.GetRootAs(content, 0).Model().Graph()
        weights: dict[str, Weight] = {}
        inputs: dict[str, list[str]] = {}
        for one in _graphs(graph):
            for at in range(one.InitializersLength()):
                tensor = one.Initializers(at)
                if tensor.RawDataLength():
                    weights[tensor.Name().decode()] = _weight(tensor)
            for at in range(one.NodesLength()):
                node = one.Nodes(at)
                inputs[node.Name().decode()] = [
                    node.Inputs(number).decode() for number in range(node.InputsLength())
                ]
        return cls(weights, inputs)


def _graphs(graph: Any) -> Iterator[Any]:
    """A graph and those within its nodes."""
    yield graph
    for at in range(graph.NodesLength()):
        node = graph.Nodes(at)
        for number in range(node.AttributesLength()):
            inner = node.Attributes(number).G()
            if inner is not None:
                yield from _graphs(inner)


def _weight(tensor: Any) -> Weight:
    shape = [tensor.Dims(at) for at in range(tensor.DimsLength())]
    values = tensor.RawDataAsNumpy().view(helper.tensor_dtype_to_np_dtype(tensor.DataType()))
    return Weight(values.reshape(shape), tensor._tab.Vector(tensor._tab.Offset(_RAW_DATA)))


class Graph:
    """A graph that grows."""

    def __init__(self, published: Published) -> None:
        self.nodes: list[onnx.NodeProto] = []
        self.held: dict[str, onnx.TensorProto] = {}
        self.published = published

    def node(self, kind: str, *inputs: str, to: str = "", domain: str = "", **attributes: Any) -> str:
        """Add a node and give the name of what it makes."""
        made = to or f"v{len(self.nodes)}"
        self.nodes.append(helper.make_node(kind, list(inputs), [made], domain=domain, **attributes))
        return made

    def constant(self, name: str, values: NDArray[Any]) -> str:
        """A tensor of our own."""
        self.held[name] = numpy_helper.from_array(values, name)
        return name

    def weight(self, name: str) -> str:
        """A tensor of the published file: large ones where they are."""
        weight = self.published.weights[name]
        if weight.values.nbytes <= SMALL:
            return self.constant(name, np.array(weight.values))
        kind = helper.np_dtype_to_tensor_dtype(weight.values.dtype)
        tensor = TensorProto(name=name, data_type=kind, dims=weight.values.shape)
        tensor.data_location = TensorProto.EXTERNAL
        told = {"location": DECODER, "offset": str(weight.offset), "length": str(weight.values.nbytes)}
        for key, value in told.items():
            tensor.external_data.add(key=key, value=value)
        self.held[name] = tensor
        return name

    def quantised(self, source: str) -> tuple[str, str, str]:
        """Eight bits of a tensor, their scale and their zero."""
        names = [f"{source}_{part}" for part in ("q", "s", "z")]
        self.nodes.append(helper.make_node("DynamicQuantizeLinear", [source], names))
        return names[0], names[1], names[2]

    def product(self, source: tuple[str, str, str], published: str) -> str:
        """Eight bits times the weights of a published node, with its bias if it has one."""
        inputs = self.published.inputs[published]
        matrix = next(
            name for name in inputs if name.endswith("_quantized") and name in self.published.weights
        )
        stem = matrix.removesuffix("_quantized")
        weights = [self.weight(f"{stem}{part}") for part in ("_quantized", "_scale", "_zero_point")]
        values, scale, zero = source
        given = [values, weights[0], scale, weights[1], zero, weights[2]]
        given += [self.weight(name) for name in inputs if name.endswith("bias_merged_0")]
        return self.node("MatMulIntegerToFloat", *given, domain=MICROSOFT)

    def normalised(self, source: str, layer: str) -> str:
        """Layer normalisation by a published weight."""
        weight = self.weight(f"model.decoder.{layer}.weight_merged_0")
        return self.node("LayerNormalization", source, weight, axis=-1, epsilon=EPSILON)

    def heads(self, source: str, *, turned: bool = False) -> str:
        """(batch, texts, size) as (batch, heads, texts, width), or with the last two turned round."""
        apart = self.node("Reshape", source, "apart")
        return self.node("Transpose", apart, perm=[0, 2, 3, 1] if turned else [0, 2, 1, 3])

    def model(self, name: str, inputs: list[onnx.ValueInfoProto], outputs: list[str]) -> onnx.ModelProto:
        """The whole."""
        made = [helper.make_tensor_value_info(one, TensorProto.FLOAT, None) for one in outputs]
        graph = helper.make_graph(self.nodes, name, inputs, made, list(self.held.values()))
        versions = [helper.make_opsetid("", 17), helper.make_opsetid(MICROSOFT, 1)]
        return helper.make_model(graph, opset_imports=versions, ir_version=8)


def sound(published: Published) -> onnx.ModelProto:
    """What the decoder asks of a sound, once for each: keys (turned round) and values of every layer."""
    graph = Graph(published)
    graph.constant("apart", np.array([0, 0, HEADS, WIDTH], np.int64))
    states = graph.quantised("states")
    outputs = []
    for layer in range(LAYERS):
        for part, turned in (("k", True), ("v", False)):
            made = graph.product(
                states, f"/model/decoder/layers.{layer}/encoder_attn/{part}_proj/MatMul_quant"
            )
            name = f"sound.{layer}.{part}"
            graph.node("Identity", graph.heads(made, turned=turned), to=name)
            outputs.append(name)
    given = [helper.make_tensor_value_info("states", TensorProto.FLOAT, [1, "frames", SIZE])]
    return graph.model("sound", given, outputs)


def words(published: Published) -> onnx.ModelProto:
    """One step: the logarithm of the probability of each next piece, after what was written before."""
    graph = Graph(published)
    graph.constant("apart", np.array([0, 0, HEADS, WIDTH], np.int64))
    graph.constant("together", np.array([0, 0, SIZE], np.int64))
    graph.constant("scale", np.array(WIDTH**-0.5, np.float32))
    turn = np.zeros((WIDTH, WIDTH), np.float32)
    for at in range(0, TURNED, 2):
        turn[at + 1, at], turn[at, at + 1] = -1, 1
    graph.constant("turn", turn)
    table = "model.decoder.embed_tokens.weight_merged_0"
    rows = graph.node("Gather", graph.weight(f"{table}_quantized"), "pieces", axis=0)
    scale = [graph.weight(f"{table}{part}") for part in ("_scale", "_zero_point")]
    states = graph.node("DequantizeLinear", rows, *scale)
    outputs = ["chances"]

    def turned(source: str) -> str:
        across = graph.node("Mul", graph.node("MatMul", source, "turn"), "sines")
        return graph.node("Add", graph.node("Mul", source, "cosines"), across)

    def attended(queries: str, keys: str, values: str, mask: str | None, published: str) -> str:
        """``keys`` as (batch, heads, width, texts)."""
        fits = graph.node("Mul", graph.node("MatMul", queries, keys), "scale")
        shares = graph.node("Softmax", fits if mask is None else graph.node("Add", fits, mask), axis=-1)
        found = graph.node("Transpose", graph.node("MatMul", shares, values), perm=[0, 2, 1, 3])
        whole = graph.node("Reshape", found, "together")
        return graph.product(graph.quantised(whole), published)

    for layer in range(LAYERS):
        place = f"/model/decoder/layers.{layer}"
        now = graph.quantised(graph.normalised(states, f"layers.{layer}.input_layernorm"))
        query, key, value = (
            graph.heads(graph.product(now, f"{place}/self_attn/{part}_proj/MatMul_quant")) for part in "qkv"
        )
        names = [f"{layer}.k", f"{layer}.v"]
        outputs += [f"new.{name}" for name in names]
        keys = graph.node("Concat", f"past.{names[0]}", turned(key), axis=2, to=f"new.{names[0]}")
        values = graph.node("Concat", f"past.{names[1]}", value, axis=2, to=f"new.{names[1]}")
        across = graph.node("Transpose", keys, perm=[0, 1, 3, 2])
        made = attended(turned(query), across, values, "mask", f"{place}/self_attn/o_proj/MatMul_quant")
        states = graph.node("Add", states, made)
        now = graph.quantised(graph.normalised(states, f"layers.{layer}.post_attention_layernorm"))
        query = graph.heads(graph.product(now, f"{place}/encoder_attn/q_proj/MatMul_quant"))
        heard = [f"sound.{name}" for name in names]
        made = attended(query, heard[0], heard[1], None, f"{place}/encoder_attn/o_proj/MatMul_quant")
        states = graph.node("Add", states, made)
        now = graph.quantised(graph.normalised(states, f"layers.{layer}.final_layernorm"))
        wide = graph.product(now, f"{place}/mlp/fc1/MatMul_quant")
        halves = [f"{layer}.linear", f"{layer}.gate"]
        graph.nodes.append(helper.make_node("Split", [wide], halves, axis=-1))
        gate = graph.node("Mul", halves[1], graph.node("Sigmoid", halves[1]))
        gated = graph.quantised(graph.node("Mul", gate, halves[0]))
        states = graph.node("Add", states, graph.product(gated, f"{place}/mlp/fc2/MatMul_quant"))
    last = graph.quantised(graph.normalised(states, "norm"))
    graph.node("LogSoftmax", graph.product(last, "/proj_out/MatMul_quant"), axis=-1, to="chances")
    given = [helper.make_tensor_value_info("pieces", TensorProto.INT64, ["texts", "new"])]
    given += [
        helper.make_tensor_value_info(name, TensorProto.FLOAT, ["new", WIDTH])
        for name in ("cosines", "sines")
    ]
    given.append(helper.make_tensor_value_info("mask", TensorProto.FLOAT, ["new", "all"]))
    for layer in range(LAYERS):
        shapes: dict[str, list[str | int]] = {
            f"past.{layer}.k": ["texts", HEADS, "before", WIDTH],
            f"past.{layer}.v": ["texts", HEADS, "before", WIDTH],
            f"sound.{layer}.k": [1, HEADS, WIDTH, "frames"],
            f"sound.{layer}.v": [1, HEADS, "frames", WIDTH],
        }
        given += [
            helper.make_tensor_value_info(name, TensorProto.FLOAT, shape) for name, shape in shapes.items()
        ]
    return graph.model("words", given, outputs)


def main() -> None:
    """Write both."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--folder", type=Path, default=None, help="of the published files")
    folder = options.parse_args().folder or installed()
    if folder is None:
        sys.exit("Moonshine is not installed: make setup.")
    published = Published.read(folder / DECODER)
    for file, model in ((SOUND_GRAPH, sound(published)), (WORDS_GRAPH, words(published))):
        file.write_bytes(model.SerializeToString())


if __name__ == "__main__":
    main()
