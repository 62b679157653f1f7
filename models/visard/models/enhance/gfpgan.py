"""``gfpgan``: GFPGAN, free for any use."""

from visard.models.enhancer import EnhancerFamily, EnhancerModel

enhancer = EnhancerFamily(
    "gfpgan",
    "GFPGAN, free for any use; wants a GPU",
    (EnhancerModel("gfpgan_1.4"), EnhancerModel("gfpgan_1.3"), EnhancerModel("gfpgan_1.2")),
)
