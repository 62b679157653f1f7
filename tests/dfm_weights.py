"""Reads DeepFaceLab's weights out of the ``.dfm`` files that its exporter wrote, by its names of layers."""

import re
from pathlib import Path

import numpy as np
import onnx
import torch
from onnx import numpy_helper

from visard.models.train.networks.base import SwapNetwork

_NAME = re.compile(r"(.+)/weight/read__\d+")
DENSE = "dense"
MASKS = {"out_celeb_face_mask:0": "src", "out_face_mask:0": "dst"}


class DfmWeights:
    """The layers of a file: weight and bias by the names of layers."""

    def __init__(self, path: Path) -> None:
        self.graph = onnx.load(path).graph
        self.values = {tensor.name: numpy_helper.to_array(tensor) for tensor in self.graph.initializer}
        self.made = {node.output[0]: node for node in self.graph.node}
        self.layers: dict[str, tuple[np.ndarray, np.ndarray]] = {}
        for node in self.graph.node:
            match = _NAME.fullmatch(node.input[1]) if node.op_type in ("Conv", "MatMul") else None
            if match:
                self.layers[match[1].replace("/", ".")] = self._weights(node)
        for output, person in MASKS.items():
            self._masks(output, person)

    def _weights(self, node: onnx.NodeProto) -> tuple[np.ndarray, np.ndarray]:
        (add,) = [each for each in self.graph.node if each.op_type == "Add" and node.output[0] in each.input]
        (bias,) = [self.values[name] for name in add.input if name in self.values]
        return self.values[node.input[1]], bias.ravel()

    def _masks(self, output: str, person: str) -> None:
        """Names are lost where the exporter folded constants: follow the chain from the mask back."""
        chain = []
        node = self.made[output]
        while node.op_type not in ("Concat", "MatMul") and len(chain) < 6:
            if node.op_type == "Conv":
                chain.append(self._weights(node))
            following = self.made.get(node.input[0])
            if following is None:
                break
            node = following
        decoder = "decoder" if not any("decoder_src" in name for name in self.layers) else f"decoder_{person}"
        last, *ups = chain
        stages = self.stages(decoder) + (f"{decoder}.out_conv1" in self.layers or person == "dst")
        self.layers[f"{decoder}.out_convm"] = last
        for number, layer in enumerate(reversed(ups[:stages])):
            self.layers[f"{decoder}.upscalem{number}"] = layer

    def stages(self, decoder: str) -> int:
        source = decoder.replace("_dst", "_src")
        return sum(name.startswith(f"{source}.res") and name.endswith("conv1") for name in self.layers)

    def fill(self, network: SwapNetwork) -> set[str]:
        """Put weights into a network; return the keys of its weights that the file lacks."""
        state = network.state_dict()
        for name in {key.rpartition(".")[0] for key in state}:
            source = name.removesuffix(".conv1") if "upscalem" in name and name not in self.layers else name
            if source not in self.layers:
                continue
            weight, bias = self.layers[source]
            if DENSE in name:
                weight = weight.T
            elif "upscale" in name:
                weight, bias = _pixels_last(weight), _pixels_last(bias)
            state[f"{name}.weight"].copy_(torch.from_numpy(weight.copy()))
            state[f"{name}.bias"].copy_(torch.from_numpy(bias.copy()))
            self.filled = getattr(self, "filled", set()) | {f"{name}.weight", f"{name}.bias"}
        return set(state) - self.filled


def _pixels_last(values: np.ndarray) -> np.ndarray:
    """TensorFlow's order, pixel before channel, to PyTorch's."""
    return np.moveaxis(values.reshape(4, -1, *values.shape[1:]), 0, 1).reshape(values.shape)
