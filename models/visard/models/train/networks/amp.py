"""AMP: one encoder and decoder, an inter for each person whose channels are mixed: faces morph."""

import torch
from torch import Tensor

from visard.models.train.networks.base import Codes, SwapNetwork
from visard.models.train.networks.blocks import Decoder, Encoder, Inter
from visard.models.train.options import TrainOptions


class AMP(SwapNetwork):
    """The morph factor is a share of channels that come from the persona's inter, the first ones."""

    def __init__(self, options: TrainOptions) -> None:
        super().__init__()
        side, ae, channels = options.resolution, options.ae_dims, options.inter_dims
        self.morph_channels = channels
        self.encoder = Encoder(side, options.e_dims, residuals=True, normalised=True, cosine=False, dense=ae)
        self.inter_src, self.inter_dst = (
            Inter(ae, None, channels, side // 32, upscaled=False, cosine=False) for _ in range(2)
        )
        self.decoder = Decoder(
            channels, options.d_dims, options.d_mask_dims, parts=True, residuals=True, cosine=False
        )

    def codes(self, src: Tensor, dst: Tensor, own: Tensor | None) -> Codes:
        """The persona is learned with channels of both inters, chosen at random by ``own``."""
        flat_src, flat_dst = self.encoder(torch.cat([src, dst])).split([len(src), len(dst)])
        code_dst = self.inter_dst(flat_dst)
        swapped = _mixed(self.inter_src(flat_dst), code_dst, own)
        return Codes(_mixed(self.inter_src(flat_src), self.inter_dst(flat_src), own), code_dst, swapped)

    def swap_codes(self, dst: Tensor, own: Tensor | None) -> tuple[Tensor, Tensor]:
        """Channels of ``own`` are the persona's."""
        flat = self.encoder(dst)
        code = self.inter_dst(flat)
        return code, _mixed(self.inter_src(flat), code, own)

    def decoders(self) -> tuple[Decoder, Decoder]:
        """One for both."""
        return self.decoder, self.decoder


def morph_mask(channels: int, morph: float) -> Tensor:
    """Return the choice of a morph factor 0..1, [1, C, 1, 1]: the first ``channels * morph``, cut down."""
    count = int(torch.tensor(channels, dtype=torch.float32) * torch.tensor(morph, dtype=torch.float32))
    return (torch.arange(channels) < count).float().reshape(1, -1, 1, 1)


def _mixed(src: Tensor, dst: Tensor, own: Tensor | None) -> Tensor:
    return src if own is None else torch.where(own > 0, src, dst)
