"""Seeds: the initial ones from a classifier's CAMs, and those that the trained network gives.

In seed files 0 is background, 1..C are classes and C + 1 (21 on VOC) is unlabelled; the shared label maps, which
``labels`` writes, say 255 there.
"""
