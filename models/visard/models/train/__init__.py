"""Trains face models from two sets of faces, and exports them as ``.dfm`` files.

``src`` is the persona, whose looks are learned; ``dst`` is the driver, whose pose and expression stay.
Everything but ``options`` and ``errors`` needs the extra ``train``, and is imported only to train.
"""
