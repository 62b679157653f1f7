"""Writes a face network as an ONNX graph with DeepFaceLab's tensors: opset 12, NHWC outside, any batch.

In half precision convolutions are computed in fp16 between casts, as DeepFaceLab's "quantized" files have
it; dense layers are computed in fp32 but kept in fp16, and what goes in and out stays fp32.
"""

from typing import Any

import numpy as np
import numpy.typing as npt
import onnx
from onnx import TensorProto, helper, numpy_helper
from torch import nn

from visard.models.train.networks.amp import AMP
from visard.models.train.networks.base import SwapNetwork
from visard.models.train.networks.blocks import (
    NORM_EPSILON,
    Activation,
    Decoder,
    Downscale,
    Encoder,
    Inter,
    Residual,
    Upscale,
)
from visard.models.train.networks.df import DF
from visard.models.train.networks.liae import LIAE

FACE, MORPH = "in_face:0", "morph_value:0"
OUTPUTS = {"out_face_mask:0": 1, "out_celeb_face:0": 3, "out_celeb_face_mask:0": 1}
"""Channels of what comes out, in the order that readers count on."""
_OPSET, _IR = 12, 7


class DfmGraph:
    """A graph that grows; tensors are their names."""

    def __init__(self, network: SwapNetwork, *, half: bool) -> None:
        self.network, self.half = network, half
        self.nodes: list[onnx.NodeProto] = []
        self.weights: dict[str, onnx.TensorProto] = {}
        self._names = {id(module): name.replace(".", "/") for name, module in network.named_modules()}

    def op(self, kind: str, *inputs: str, **attributes: Any) -> str:
        """Add a node; return its output."""
        name = f"{kind}_{len(self.nodes)}"
        self.nodes.append(helper.make_node(kind, inputs, [name], name, **attributes))
        return name

    def constant(self, name: str, value: npt.ArrayLike, dtype: npt.DTypeLike) -> str:
        """Return a weight, the same for the same name."""
        if name not in self.weights:
            self.weights[name] = numpy_helper.from_array(np.ascontiguousarray(value, dtype=dtype), name)
        return name

    def model(self, side: int) -> onnx.ModelProto:
        """Write all of a network for pictures of this side."""
        x = self._narrow(self.op("Transpose", FACE, perm=[0, 3, 1, 2]))
        made = self._network(x)
        batch = "unk__batch"
        outputs = []
        for (name, channels), tensor in zip(OUTPUTS.items(), made, strict=True):
            self.nodes.append(helper.make_node("Transpose", [tensor], [name], name, perm=[0, 2, 3, 1]))
            outputs.append(_port(name, [f"{batch}_{name}", side, side, channels]))
        inputs = [_port(FACE, [batch, side, side, 3])]
        if self.network.morph_channels:
            inputs.append(_port(MORPH, [1]))
        graph = helper.make_graph(self.nodes, "dfm", inputs, outputs, list(self.weights.values()))
        return helper.make_model(
            graph,
            opset_imports=[helper.make_opsetid("", _OPSET)],
            ir_version=_IR,
            producer_name="visard",
        )

    def _network(self, x: str) -> tuple[str, str, str]:
        """Return mask, swapped picture and its mask, NCHW."""
        network = self.network
        if isinstance(network, DF):
            code = self._inter(self._encoder(x, network.encoder), network.inter)
            own = self._mask(code, network.decoder_dst)
            return own, *self._both(code, network.decoder_src)
        if isinstance(network, LIAE):
            flat = self._encoder(x, network.encoder)
            shared = self._inter(flat, network.inter_AB)
            code = self.op("Concat", self._inter(flat, network.inter_B), shared, axis=1)
            other = self.op("Concat", shared, shared, axis=1)
            return self._mask(code, network.decoder), *self._both(other, network.decoder)
        assert isinstance(network, AMP)
        flat = self._encoder(x, network.encoder)
        code, src = (self._features(flat, inter) for inter in (network.inter_dst, network.inter_src))
        other = self._narrow(self._split(src, code))  # readers look for the split in fp32
        return self._mask(self._narrow(code), network.decoder), *self._both(other, network.decoder)

    def _split(self, src: str, dst: str) -> str:
        """Join the first channels of one and the last of the other, at the morph factor."""
        channels = self.network.morph_channels
        product = self.op("Mul", self.constant("morph/channels", [channels], np.float32), MORPH)
        count = self.op("Cast", product, to=TensorProto.INT64)
        axis, begin = (
            self.constant(f"morph/{name}", [n], np.int64) for name, n in (("axis", 1), ("begin", 0))
        )
        end = self.constant("morph/end", [channels], np.int64)
        first, last = self.op("Slice", src, begin, count, axis), self.op("Slice", dst, count, end, axis)
        return self.op("Concat", first, last, axis=1)

    def _encoder(self, x: str, encoder: Encoder) -> str:
        for layer in encoder.order:
            x = self._down(x, layer) if isinstance(layer, Downscale) else self._residual(x, layer)
        shape = self.constant("encoder/length", [-1, encoder.length], np.int64)
        x = self._widen(self.op("Reshape", x, shape))
        if encoder.normalised:
            mean = self.op("ReduceMean", self.op("Mul", x, x), axes=[1], keepdims=1)
            epsilon = self.constant("norm/epsilon", NORM_EPSILON, np.float32)
            x = self.op("Div", x, self.op("Sqrt", self.op("Add", mean, epsilon)))
        return self._dense(x, encoder.dense1) if encoder.dense1 else x

    def _inter(self, x: str, inter: Inter) -> str:
        x = self._narrow(self._features(x, inter))
        return self._up(x, inter.upscale1) if inter.upscale1 else x

    def _features(self, x: str, inter: Inter) -> str:
        """Return the dense layers' features, fp32."""
        if inter.dense1:
            x = self._dense(x, inter.dense1)
        shape = self.constant(f"{self._names[id(inter)]}/shape", [-1, *inter.shape], np.int64)
        return self.op("Reshape", self._dense(x, inter.dense2), shape)

    def _both(self, x: str, decoder: Decoder) -> tuple[str, str]:
        return self._picture(x, decoder), self._mask(x, decoder)

    def _picture(self, x: str, decoder: Decoder) -> str:
        for number in range(decoder.stages):
            x = self._up(x, getattr(decoder, f"upscale{number}"))
            x = self._residual(x, getattr(decoder, f"res{number}"))
        heads = [self._convolution(x, head) for head in decoder.heads]
        if len(heads) > 1:
            joined = self.op("Concat", *heads, axis=1)
            heads = [self.op("DepthToSpace", joined, blocksize=2, mode="DCR")]
        return self.op("Sigmoid", self._widen(heads[0]))

    def _mask(self, x: str, decoder: Decoder) -> str:
        for number in range(decoder.mask_stages):
            x = self._up(x, getattr(decoder, f"upscalem{number}"))
        return self.op("Sigmoid", self._widen(self._convolution(x, decoder.out_convm)))

    def _down(self, x: str, layer: Downscale) -> str:
        return self._activation(self._convolution(x, layer.conv1), layer.act)

    def _up(self, x: str, layer: Upscale) -> str:
        x = self._activation(self._convolution(x, layer.conv1), layer.act)
        return self.op("DepthToSpace", x, blocksize=2, mode="CRD")

    def _residual(self, x: str, layer: nn.Module) -> str:
        assert isinstance(layer, Residual)
        inner = self._activation(self._convolution(x, layer.conv1), layer.act)
        return self._activation(self.op("Add", x, self._convolution(inner, layer.conv2)), layer.act)

    def _activation(self, x: str, layer: Activation) -> str:
        if not layer.cosine:
            return self.op("LeakyRelu", x, alpha=layer.leak)
        cosine = self._narrow(self.op("Cos", self._widen(x)))  # engines have no cosine in half precision
        return self.op("Mul", x, cosine)

    def _convolution(self, x: str, layer: nn.Conv2d) -> str:
        size, step, pad = layer.kernel_size[0], layer.stride[0], layer.padding[0]
        dtype = np.float16 if self.half else np.float32
        weights = [self._weight(layer, name, dtype) for name in ("weight", "bias")]
        return self.op("Conv", x, *weights, kernel_shape=[size] * 2, strides=[step] * 2, pads=[pad] * 4)

    def _dense(self, x: str, layer: nn.Linear) -> str:
        weight = self._weight(layer, "weight", np.float16 if self.half else np.float32)
        if self.half:
            weight = self._cast(weight, TensorProto.FLOAT)
        return self.op("Add", self.op("MatMul", x, weight), self._weight(layer, "bias", np.float32))

    def _weight(self, layer: nn.Module, part: str, dtype: npt.DTypeLike) -> str:
        value = getattr(layer, part).detach().float().cpu().contiguous().numpy()
        dense = isinstance(layer, nn.Linear) and part == "weight"
        return self.constant(f"{self._names[id(layer)]}/{part}", value.T if dense else value, dtype)

    def _narrow(self, x: str) -> str:
        return self._cast(x, TensorProto.FLOAT16) if self.half else x

    def _widen(self, x: str) -> str:
        return self._cast(x, TensorProto.FLOAT) if self.half else x

    def _cast(self, x: str, kind: int) -> str:
        return self.op("Cast", x, to=kind)


def _port(name: str, shape: list[str | int]) -> onnx.ValueInfoProto:
    return helper.make_tensor_value_info(name, TensorProto.FLOAT, shape)
