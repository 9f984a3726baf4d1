"""The model card: what the model is for, on what it rests, how good it is and where it ends, made from the run itself."""

from __future__ import annotations

from typing import Any, Final

from models.codes import BARRED
from models.scorecard import FEATURE_SIGNAL, SCALE
from models.segments import PERSON_SEGMENTS
from models.signals import CONTRACT

_PURPOSE: Final = """\
Arki is an independent open project. It is not Kela's own, and Kela has not made, checked or adopted this model.

## Intended purpose

The model reads coarse signals of a customer's dealings with Kela and names one of three life situations that Kela has
published: *steady* (tasainen arki), *changing* (muuttuva arki), *supported* (tuettava arki). A decision table that a content
team owns uses the name to **suggest which content to show and in which channel**.

It is not for, and must never be used for: eligibility, entitlement, amounts, withholding or reclaiming a benefit, the order
in which matters or persons are dealt with, control, fraud, or predicting dependency. It must not be joined to benefit
processing. No channel is ever closed to anyone: each answer carries a human channel, and a person who objects, a minor, or a
customer of whom too little is known gets the neutral answer, which is a full service.

Employers are known from the request and are not classified.
"""

_LIMITS: Final = """\
## Limits

- There are no public labels. A good score on simulated labels says that the model recovers Arki's own guideline in Arki's own
  world. It says nothing of how customers of Kela would be served. Before use: labels by Kela's experts, trained with
  `arki-train --data FILE`, and a trial in which what was shown and chosen is measured.
- The shares of the segments are an outcome of assumptions, not a finding. With other shares every probability shifts.
- The model is additive but for declared pairs: it does not see combinations beyond them. Signals that contradict each other
  may still give a sure answer where one of them weighs much.
- *Supported* is rare and hard to tell from signals; most who are so by the guideline are named *steady*, *changing* or not
  named. So the model must never be the only road to personal service, and in Arki it is not.
- Unknown is treated as unknown. What is missing was drawn without regard to the segment; where a real channel lacks signals
  for some groups more than for others, this must be measured again.
- The life course is fitted by hand to a few published figures (training/parameters.py); latent strain and capability are
  measured by nobody.
- The model is frozen. It learns nothing in use, and has to be trained again as benefits and services change.
"""

_READING: Final = """\
A customer's score for a segment is the start plus one row of each table; probabilities are the softmax of the scores. A
positive number speaks for the segment, compared with the mean of the training customers.
"""

_CONTACT: Final = """\
## Contact

Questions, faults and objections to this model: the issue tracker of the Arki repository. Its owner is the team that deploys
it; who that is belongs in the register entry of the deployment.
"""

_SUMMARY_FI: Final = """\
## Tiivistelmä suomeksi

Arki on itsenäinen avoin hanke, ei Kelan oma. Malli päättelee karkeista asiointitiedoista, onko asiakkaan arki *tasaista*,
*muuttuvaa* vai *tuettavaa* (Kelan julkaisemat asiakasryhmät). Päätelmää käytetään vain siihen, **mitä sisältöä ja missä
kanavassa asiakkaalle ehdotetaan**. Malli ei arvioi oikeutta etuuteen, etuuden määrää, käsittelyjärjestystä, väärinkäytöksiä
eikä riippuvuutta tuesta, eikä sitä saa siihen käyttää. Ihmisen luo pääsee aina.

Ikä, sukupuoli, kansalaisuus, äidinkieli, asiointikieli, asuinpaikka ja diagnoosit eivät ole mallin tietoja. Alaikäistä tai
profilointia vastustanutta ei ryhmitellä. Kun tietoa on liian vähän tai päätelmä on epävarma, malli jättää vastaamatta ja
asiakas saa neutraalin vastauksen.

{labels_fi}
"""

_SIMULATED: Final = """\
**The labels are simulated.** Kela publishes definitions but neither labels nor the sizes of its segments. The customers are
simulated life courses (training/population.py); each was labelled from its latent path by training/LABELLING.md, not from the
signals. The figures below measure **how well the model recovers our own guideline, not its validity at Kela**. Signals are
noisy evidence of the path, so no model can reach 100 %."""
_SIMULATED_FI: Final = (
    "Mallin opetusaineisto on simuloitu ja sen ryhmät on annettu Arkin omalla kirjallisella ohjeella. Luvut kertovat siis,"
    " kuinka hyvin malli löytää oman ohjeemme mukaiset ryhmät, eivät sitä, kuinka se toimisi Kelan asiakkaille."
)
_GIVEN: Final = """\
The labels are those of the file; who gave them, by which guideline and from which customers has to be written down by those
who trained the model. The figures below hold for customers like those of the file."""
_GIVEN_FI: Final = "Malli on opetettu annetulla aineistolla; luvut koskevat vain sen kaltaisia asiakkaita."


def model_card(manifest: dict[str, Any], scorecard: dict[str, Any]) -> str:
    """``MODEL_CARD.md`` of a trained model, from its manifest and scorecard; the same inputs give the same text.

    Parameters
    ----------
    manifest : dict
        As `training.train` writes it; its ``files`` are not needed.
    scorecard : dict
        The compiled scorecard.
    """
    simulated = str(manifest["labels"]).startswith("simulated")
    parts = [
        f"# Arki segment model {manifest['version']}\n\nMade by `arki-train`; do not edit.\n",
        _PURPOSE,
        _data(manifest, _SIMULATED if simulated else _GIVEN),
        _figures(manifest["metrics"]),
        _thresholds(manifest),
        _barred(),
        _LIMITS,
        _tables(scorecard),
        _CONTACT,
        _SUMMARY_FI.format(labels_fi=_SIMULATED_FI if simulated else _GIVEN_FI),
    ]
    return "\n".join(parts)


def _data(manifest: dict[str, Any], labels: str) -> str:
    data = manifest["data"]
    libraries = ", ".join(f"{name} {version}" for name, version in manifest["libraries"].items())
    return f"""\
## Data

{labels}

| | |
|---|---|
| source | {data["source"]} (seed {manifest["seed"]}) |
| sha256 of features and labels | `{data["sha256"]}` |
| customers | {data["customers"]:,}: {data["train"]:,} to fit, {data["validation"]:,} to calibrate and choose thresholds, \
{data["test"]:,} to measure; no customer in two parts |
| feature contract | `{manifest["feature_contract"]}` |
| made with | Python {manifest["python"]}, {libraries} |

The estimator is a multinomial logistic regression on binned signals with a bin for *unknown* (scikit-learn), its log-odds
scaled by one temperature ({manifest["temperature"]}). {_pairs(manifest["pairs"])} It is served as the additive table below, which agrees with it on every
customer of the test part within {manifest["compiled_equal_within"]:.0e} in each probability.
"""


def _pairs(pairs: dict[str, float]) -> str:
    if not pairs:
        return "No pair of signals gained enough on validation data to be added."
    found = "; ".join(f"{name} (log loss lowered by {gain:.4f})" for name, gain in pairs.items())
    return f"Pairs of signals added for their measured gain on validation data: {found}."


def _figures(metrics: dict[str, Any]) -> str:
    rows = {"**scorecard (served)**": metrics["scorecard"], **metrics["beside"]}
    lines = [
        "## Figures on the test part\n",
        "| model | log loss | macro F1 | Brier | calibration error | accuracy |",
        "|---|---:|---:|---:|---:|---:|",
    ]
    for name, found in rows.items():
        lines.append(
            f"| {name} | {found['log_loss']:.4f} | {found['macro_f1']:.3f} | {found['brier']:.3f}"
            f" | {found['calibration_error']:.4f} | {found['accuracy']:.3f} |"
        )
    lines += [
        "\n| segment | share | recall | precision | precision where answered | abstained |",
        "|---|---:|" + "---:|" * 4,
    ]
    answers = metrics["answered"]
    for segment, found in metrics["scorecard"]["segments"].items():
        cells = [
            found["share"],
            found["recall"],
            found["precision"],
            answers["precision"][segment],
            answers["abstention_by_true_segment"][segment],
        ]
        lines.append(
            f"| {segment} | " + " | ".join("–" if cell is None else f"{cell:.3f}" for cell in cells) + " |"
        )
    lines.append(
        f"\nThe model abstains for {answers['abstention_rate']:.1%} of customers"
        f" ({answers['abstention_rate_where_enough_is_known']:.1%} of those of whom enough signals are known) and is right"
        f" for {answers['accuracy']:.1%} of the rest. Accuracy is mostly the large share of *steady*: read the segments.\n"
    )
    return "\n".join(lines)


def _thresholds(manifest: dict[str, Any]) -> str:
    lines = ["## Thresholds, chosen on validation data\n", "| threshold | value | why |", "|---|---:|---|"]
    for name, entry in manifest["thresholds"].items():
        lines.append(f"| {name} | {entry['value']} | {entry['reason']} |")
    return "\n".join(lines) + "\n"


def _barred() -> str:
    return (
        "## Barred attributes\n\nThese are no signals, are refused by name in requests and in training data, and reach no part"
        " of the model (YVTLTK 216/2017; GDPR 9): "
        + ", ".join(sorted(BARRED))
        + ".\n\nWhich life event or benefit it is"
        " does not reach the model either, only how many and how recent. The simulation carries age band, sex and language"
        " in `audit_` columns, to measure differences between groups.\n"
    )


def _tables(scorecard: dict[str, Any]) -> str:
    """The model itself: what each bin of each signal adds to the log-odds of each segment."""
    lines = [
        "## The whole model\n",
        _READING,
        "| | " + " | ".join(PERSON_SEGMENTS) + " |",
        "|---|" + "---:|" * len(PERSON_SEGMENTS),
        _row("start", scorecard["intercept"]),
    ]
    for table in scorecard["tables"]:
        lines += [
            f"\n### {' × '.join(table['features'])}\n",
            *dict.fromkeys(_meaning(name) for name in table["features"]),
            "",
            "| | " + " | ".join(PERSON_SEGMENTS) + " |",
            "|---|" + "---:|" * len(PERSON_SEGMENTS),
        ]
        names = [""]
        for edges in table["edges"]:
            names = [f"{name}, {bin_}".strip(", ") for name in names for bin_ in _bin_names(edges)]
        lines += [_row(name, row) for name, row in zip(names, table["rows"], strict=True)]
    return "\n".join(lines) + "\n"


def _meaning(feature: str) -> str:
    signal = CONTRACT["person"][FEATURE_SIGNAL[feature]]
    return f"{signal.meaning}; used because {signal.why}."


def _bin_names(edges: list[int]) -> list[str]:
    if not edges:
        return ["any", "unknown"]
    starts = [0, *edges]
    names = [
        f"{low}" if low == high - 1 else f"{low}–{high - 1}" for low, high in zip(starts, edges, strict=False)
    ]
    return [*names, f"{edges[-1]} or more", "unknown"]


def _row(name: str, fixed_point: list[int]) -> str:
    return f"| {name} | " + " | ".join(f"{number / SCALE:+.2f}" for number in fixed_point) + " |"
