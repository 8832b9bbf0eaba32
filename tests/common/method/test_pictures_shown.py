"""The images with the most classes are shown."""

import numpy as np

from common.method.pictures import most_classes, one_class_and_most


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


def test_half_of_the_images_may_have_one_class():
    ids = [f"{1 + number % 3}_{number}" for number in range(30)]
    shown = one_class_and_most(Tags(), ids, 4)
    assert [image_id[0] for image_id in shown] == ["1", "1", "3", "3"] and len(set(shown)) == 4
    assert one_class_and_most(Tags(), ["1_a", "1_b"], 4) == ["1_a", "1_b"]
    assert one_class_and_most(Tags(), ["3_a", "2_b"], 2) == ["3_a", "2_b"]
