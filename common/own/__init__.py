"""Your own photographs: from a folder and tags to masks, overlays, a model and a page, in one command.

``photographs`` finds images and tags in the layouts that people have; ``dataset`` writes
what was found as a dataset of the toolbox (links and text files) with images held back; ``chain`` runs a method and DeepLab-v2 on it;
``doubt`` says, without masks, which results to look at first; ``page`` shows them.
"""
