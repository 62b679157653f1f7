"""``restoreformer``: RestoreFormer++, free for any use."""

from visard.models.enhancer import EnhancerFamily, EnhancerModel

enhancer = EnhancerFamily(
    "restoreformer",
    "RestoreFormer++, free for any use; wants a GPU",
    (EnhancerModel("restoreformer_plus_plus"),),
)
