"""DeepLab-v2 on VGG16 trained on seeds, as SGAN trains it: balanced seed loss and CRF constrain loss (DSRG's recipe).

It belongs to SGAN and not to ``deeplabv2``: network, data recipe, losses, schedule and test are all others than there.
Label maps of any method can be trained on with it all the same, as the seeds come from a folder.
"""
