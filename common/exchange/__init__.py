"""Masks for annotation tools and back: COCO, CVAT's "segmentation mask 1.1" and labelme, beside the toolbox's own label maps.

``parts`` turns label maps into named regions and names into labels; ``coco``, ``cvat`` and ``labelme`` write and read one form each;
``archive`` unpacks what a tool downloads; ``images`` says which image a name means; ``reading`` recognises the form. Label maps belong to the
upright photograph, as annotation tools show it.
"""
