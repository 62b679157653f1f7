"""``gpen``: GPEN, in four sizes; the smallest is the fastest enhancer there is."""

from visard.models.enhancer import EnhancerFamily, EnhancerModel

enhancer = EnhancerFamily(
    "gpen",
    "GPEN, for non-commercial use; the size of 256 is the fastest",
    (
        EnhancerModel("gpen_bfr_512"),
        EnhancerModel("gpen_bfr_256", 256, "arcface_128"),
        EnhancerModel("gpen_bfr_1024", 1024),
        EnhancerModel("gpen_bfr_2048", 2048),
    ),
)
