"""From a checkpoint to label maps: what test, crf, predict and the demo share."""
