"""Learns faces: models from two sets of faces, exported as ``.dfm`` files, and in ``tune`` what makes a
persona better recognised. What is learned is used without the extra ``train``, which learning needs.

``src`` is the persona, whose looks are learned; ``dst`` is the driver, whose pose and expression stay.
Everything but ``options`` and ``errors`` imports PyTorch, and is imported only to train.
"""
