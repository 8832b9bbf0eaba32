"""The images with the most classes are shown."""

import numpy as np

from common.method.pictures import most_classes


class Tags:
    """Stands for a dataset whose image "k..." has k tags."""

    def read_tags(self, ids):
        return {image_id: np.arange(5) < int(image_id[0]) for image_id in ids}


def test_the_images_shown_are_spread_over_the_third_with_the_most_classes():
    ids = [f"{1 + number % 3}_{number}" for number in range(30)]
    shown = most_classes(Tags(), ids, 4)
    assert len(set(shown)) == 4 and all(image_id[0] == "3" for image_id in shown)
    assert (shown[0], shown[-1]) == ("3_2", "3_29")


def test_all_are_shown_where_there_are_few():
    assert most_classes(Tags(), ["1_a", "2_b"], 6) == ["2_b", "1_a"]
