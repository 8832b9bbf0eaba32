"""The stages that make the bank of objects: label maps to cut from, where nobody else makes them, and the cutting."""

from __future__ import annotations

from pathlib import Path

from common.method.files import Files
from common.method.other_run import OtherRun, arguments_of_classifier
from common.method.requirements import required_folder
from l2g_cda import bank
from l2g_cda.objects import write_foreground
from l2g_cda.settings import BANK_LABELS, L2GSettings


def bank_label_arguments(settings: L2GSettings) -> list[str]:
    """Configuration and flags of plain CAM's run whose label maps the bank is cut from, where no other command makes it."""
    run = Path(settings.bank.label_maps).parents[len(BANK_LABELS) - 1]
    arguments = arguments_of_classifier(settings, settings.chain.bank_classifier, run)
    rule = ["--labels.background", "saliency", "--labels.crf", "none"]
    return [*arguments, *rule, "--report.saliency_source", settings.report.saliency_source] if arguments else []


def require_bank(settings: L2GSettings) -> None:
    """Raise :class:`DataError` where the second training has no finished bank."""
    bank.read_index(Path(settings.cda.bank))


def outputs_of_run(settings: L2GSettings, folder: Path) -> dict[str, str]:
    """Everything in one folder, with the bank that the run makes itself; one that was given stays where it is."""
    own_bank = {"cda.bank": str(folder / "bank")} if settings.bank.label_maps else {}
    return {"out": str(folder), **own_bank}


BANK_CLASSIFIER = OtherRun(
    name="bank_labels",
    text="the label maps that the bank is cut from, by plain CAM with saliency",
    arguments=bank_label_arguments,
    stages=("train", "cam", "label"),
    makes=lambda settings: [Path(settings.bank.label_maps)],
    in_chain=lambda settings: settings.pasting.epochs > 0 and bool(settings.chain.bank_classifier),
)
BANK = Files(
    name="bank",
    names=lambda settings, layout: bank.names_of_objects(layout, settings.bank, layout.ids(settings.split)),
    make=lambda settings, layout: bank.ObjectReader(layout, settings.bank),
    write=write_foreground,
    suffix=bank.SUFFIX,
    decides=lambda settings, layout: bank.bank_record(layout, settings.bank),
    clear=lambda settings: bank.remove_bank(Path(settings.cda.bank)),
    finish=lambda settings, layout, names: bank.write_index(Path(settings.cda.bank), names, layout.classes),
    folder=lambda settings: Path(settings.cda.bank),
    in_chain=lambda settings: settings.pasting.epochs > 0 and bool(settings.bank.label_maps),
    requires=lambda settings: [
        required_folder(
            Path(settings.bank.label_maps),
            f"folder {settings.bank.label_maps} does not exist; make the label maps first",
        )
    ],
    text="cut out the objects that the second training pastes",
)
