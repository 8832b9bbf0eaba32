"""All methods under equal conditions: the same images, tags, saliency maps, backbone weights, segmentation network and seeds.

``python -m common.compare --data toy`` runs or continues one chain per method, source of saliency maps and seed, and writes one
table of all of them. A chain that fails is shown as failed; the others go on.
"""
