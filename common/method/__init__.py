"""What a method is, and every kind of stage, written once.

A method is a declaration, ``METHOD`` in ``<folder>/method.py``: a dataclass of settings that extends
:class:`common.method.settings.MethodSettings`, and its stages in order, each saying what it starts from. From it come, without
a line of the method's own, every stage as a command, resume, skipping of what is complete, ``reproduce``, ``ablation``,
``bench``, pictures and a row of every table. Only the functions of the declaration take the settings; networks, losses, samples and label
rules take values. Everything a method leaves out is plain CAM's (:mod:`common.method.plain_cam`).

=====================  =========================================================================================================
kind of stage          the method says
=====================  =========================================================================================================
``Training``           network, step, data; where they differ optimiser, schedule, engine, what is folded, which training it continues
``ValidatedTraining``  the same, and its scores on other images: the best weights are published
``Maps``               which training, how maps of one image are made, the paper's own file form beside the ``.npz``
``Labels``             which maps, the rule ``(maps, saliency, image) -> label map``, its row, column and threshold; which label maps the
                       rule ``starts_from`` besides
``Score``              which labels
``Files``              names and the rule ``name -> file``: what is made of a dataset without a network, e.g. cut-out objects
``Saliency``           which training, which may be on another dataset; 8-bit grey PNGs
``Segmentation``       which labels, whether it also predicts the training list for a second round
``Pictures``           panels besides image, saliency, maps, label maps and truth
=====================  =========================================================================================================

What a method does not declare is added: ``label_sets`` and ``pictures``; ``segment`` Segmentation -> the last labels; and for a second round, where
``chain.refine`` asks for it, ``refine`` Labels of the images' tags alone (``TagsAlone``) in place of maps, ``starts_from`` the labels and ``segment``'s predictions of
the training list, and ``segment2`` Segmentation -> refine (:mod:`common.method.refinement`). Each writes a folder of its own, so that round 2 never
overwrites round 1, and both are rows.

How the five papers are declared (``->``: starts from):

``l2g_cda``
    ``bank`` Files: objects cut out by label maps · ``base`` Training of the local-global pair · ``pasting`` Training -> base, with
    twins from the bank; where settings leave it out of the chain, ``base`` stands for it · ``cam`` Maps -> pasting, attention PNGs
    beside · ``label`` Labels -> cam · ``score`` · outside of the chain ``random_walk`` Maps -> pasting, AffinityNet's and IRN's files,
    and ``res`` Files: pictures of the maps. Variants share ``base`` where they differ in pasting only.
``sgan``
    ``init`` and ``seeds`` (initial weights and seeds from plain CAM's classifier) · ``train`` Training · ``cam`` Maps, both branches ·
    ``label`` Labels -> cam, seeds with unlabelled pixels beside; a second label set is dense. DSRG's recipe is a configuration of
    ``deeplabv2``.
``smaf``
    ``eps`` Training with the saliency loss · ``fuse`` Maps -> eps: fused multi-scale attention, the target of the next round ·
    ``round1`` Training whose data are images and fused maps, published beside · ``fuse1`` Maps -> round1 ... one pair per round (``--rounds``
    builds the list) · ``label`` Labels -> the last maps, CRF of the recipe ``smaf`` · ``score``. EPS alone is the method with no round.
``i2crc``
    ``train`` Training of tags and distances under saliency · ``cam`` Maps, attention PNGs beside · ``label`` Labels (``gen_gt``) · ``score``. The paper's
    second round is the chain's, with ``chain.refine``.
``sod_wsss``
    ``sod`` ValidatedTraining with ``layout=`` saliency datasets and an engine section of its own · ``saliency`` Saliency -> sod, for the images of ``data``; what
    looks at these maps has ``layout=`` the dataset with them · ``train`` Training of the classifier · ``cam`` Maps · ``confident`` Labels -> cam ·
    ``affinity`` Training on them (``taught_by`` train) · ``walk`` Maps -> affinity, of cam's files · ``label`` Labels -> walk · ``select`` Labels of tags alone,
    ``starts_from`` label or any other method's label maps · DeepLab-v2 and DeepLabv3+ are two sets of label maps with a configuration each.
"""
