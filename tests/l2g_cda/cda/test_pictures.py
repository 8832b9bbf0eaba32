"""Pictures show the objects and the pasting."""

import random

import numpy as np

from l2g_cda.cda.pictures import bank_sheet, cut_out, pasting_sheet
from l2g_cda.cda.placement import place
from l2g_cda.data.settings import CdaConfig
from tests.l2g_cda.cda.bank_samples import foreground, sample


def test_what_is_not_pasted_is_chequered():
    shown = cut_out(foreground(height=20, width=20, colour=7))
    hidden = cut_out(foreground(height=20, width=20, colour=7, saliency=10))
    assert (shown == 7).all() and set(np.unique(hidden)) == {200, 235}


def test_a_bank_has_a_row_per_class_whatever_its_number_of_objects():
    one = bank_sheet({"cat (1)": [foreground()]}, 3)
    two = bank_sheet({"cat (1)": [foreground()], "dog (3)": [foreground(1)] * 3}, 3)
    assert one.shape[1] == two.shape[1] and two.shape[0] > 1.5 * one.shape[0]


def test_a_pasting_shows_image_object_results_and_saliency():
    one = sample([0])
    placed = place(foreground(), one["saliency"], CdaConfig(), random.Random(0))
    sheet = pasting_sheet(one["image"], one["saliency"], placed)
    assert sheet.dtype == np.uint8 and sheet.shape[1] > 6 * 40
