"""Face networks in PyTorch, equal to DeepFaceLab's."""

import torch

from visard.models.train.networks.amp import AMP
from visard.models.train.networks.base import SwapNetwork
from visard.models.train.networks.blocks import initialise
from visard.models.train.networks.df import DF
from visard.models.train.networks.liae import LIAE
from visard.models.train.options import TrainOptions, parse_archi

KINDS: dict[str, type[SwapNetwork]] = {"df": DF, "liae": LIAE, "amp": AMP}


def build(options: TrainOptions) -> SwapNetwork:
    """Return a network with first weights that follow from the seed."""
    network = KINDS[parse_archi(options.archi).kind](options)
    initialise(network, torch.Generator().manual_seed(options.seed))
    return network
