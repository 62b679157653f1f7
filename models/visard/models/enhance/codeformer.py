"""``codeformer``: CodeFormer, which takes how true it stays to what it is given."""

from visard.models.enhancer import EnhancerFamily, EnhancerModel

enhancer = EnhancerFamily(
    "codeformer",
    "CodeFormer, for non-commercial use; wants a GPU",
    (EnhancerModel("codeformer", weighted=True),),
)
