"""The model card: what the model is for, on what it rests, how good it is and where it ends, made from the run itself."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any, Final

from models.contract.signals import DECLARED
from models.decision.scorecard import FEATURE_SIGNAL, SCALE
from training.learning.documents import DataOrigin, EvaluationDocument, Manifest, SegmentFigures
from training.reporting.card_figures import (
    barred_section,
    bin_names,
    figures_section,
    gates_section,
    groups_section,
    order_section,
    pairs_section,
    population_section,
)

_PUBLISHED: Final = {"steady": "tasainen arki", "changing": "muuttuva arki", "supported": "tuettava arki"}
"""The personal groups that Kela has published -> Kela's name. Sentences that were written of them speak of no others."""
_NUMBERS: Final = {2: "two", 3: "three", 4: "four", 5: "five"}
_PURPOSE: Final = """\
Arki is an independent open project. It is not Kela's own, and Kela has not made, checked or adopted this model.

## Intended purpose

The model reads coarse signals of a customer's dealings with Kela and names one of {segments}. A decision table that a content
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
- {rare}. So the model must never be the only road to personal service, and in Arki it is not.
- Unknown is treated as unknown. In the simulation the less a customer deals with Kela, the less is known of the customer, and
  nothing else decides what is missing; where a real channel lacks signals for some groups more than for others, this must be
  measured again.
- The simulated population meets published numbers of people, not the ways in which their situations go together; latent
  strain and capability, on which *supported* and much of *changing* rest, are measured by nobody.
- The model is frozen. It learns nothing in use, and has to be trained again as benefits and services change.
"""

_RARE: Final = """\
*Supported* is rare and hard to tell from signals; most who are so by the guideline are named *steady*, *changing* or not
  named"""
_RARE_OF_ANY: Final = "What is rare is hard to tell from signals; the recall of each segment stands above"
_READING: Final = """\
A customer's score for a segment is the start plus one row of each table; probabilities are the softmax of the scores,
rounded to six places. A positive number speaks for the segment, compared with the mean of the training customers.
"""

_CONTACT: Final = """\
## Contact

Questions, faults and objections to this model: the issue tracker of the Arki repository. Its owner is the team that deploys
it; who that is belongs in the register entry of the deployment.
"""

_SUMMARY_FI: Final = """\
## Tiivistelmä suomeksi

Arki on itsenäinen avoin hanke, ei Kelan oma. Malli päättelee karkeista asiointitiedoista, {question_fi}. \
Päätelmää käytetään vain siihen, **mitä sisältöä ja missä
kanavassa asiakkaalle ehdotetaan**. Malli ei arvioi oikeutta etuuteen, etuuden määrää, käsittelyjärjestystä, väärinkäytöksiä
eikä riippuvuutta tuesta, eikä sitä saa siihen käyttää. Ihmisen luo pääsee aina.

Ikä, sukupuoli, kansalaisuus, äidinkieli, asiointikieli, asuinpaikka ja diagnoosit eivät ole mallin tietoja. Alaikäistä tai
profilointia vastustanutta ei ryhmitellä. Kun tietoa on liian vähän tai päätelmä on epävarma, malli jättää vastaamatta ja
asiakas saa neutraalin vastauksen.

{labels_fi} {figures_fi}
"""

_QUESTION_FI: Final = """\
onko asiakkaan arki *tasaista*,
*muuttuvaa* vai *tuettavaa* (Kelan julkaisemat asiakasryhmät)"""
_SIMULATED: Final = """\
**The labels are simulated.** Kela publishes definitions but neither labels nor the sizes of its segments. The customers are
simulated life courses (training/simulation/population.py); each was labelled from its latent path by training/LABELLING.md, not from the
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


def model_card(manifest: Manifest, scorecard: dict[str, Any], evaluation: EvaluationDocument) -> str:
    """``MODEL_CARD.md`` of a trained model; the same inputs give the same text.

    Parameters
    ----------
    manifest : dict
        As `training.learning.run` makes it; its ``files`` are not needed.
    scorecard : dict
        The compiled scorecard.
    evaluation : dict
        As `training.reporting.artifacts.evaluation_document` makes it and ``evaluation.json`` holds it.
    """
    simulated = str(manifest["labels"]).startswith("simulated")
    segments = scorecard["segments"]
    parts = [
        f"# Arki segment model {manifest['version']}\n\nMade by `arki-train`; do not edit.\n",
        _PURPOSE.format(segments=_life_situations(segments)),
        _data(manifest, _SIMULATED if simulated else _GIVEN),
        figures_section(manifest, evaluation),
        gates_section(manifest["gates"], manifest.get("not_judged", ())),
        groups_section(evaluation, manifest["group_limits"]),
        barred_section(evaluation["proxy"]),
        _thresholds(manifest),
        pairs_section(scorecard, evaluation["pairs_tried"]),
        order_section(evaluation["order_cost"], segments),
        population_section(manifest.get("population")),
        _LIMITS.format(rare=_RARE if _are_published(segments) else _RARE_OF_ANY),
        _tables(scorecard),
        _CONTACT,
        _SUMMARY_FI.format(
            question_fi=_question_fi(segments),
            labels_fi=_SIMULATED_FI if simulated else _GIVEN_FI,
            figures_fi=_figures_fi(manifest, evaluation),
        ),
    ]
    return "\n".join(part for part in parts if part)


def unknown_signals(data: DataOrigin) -> str:
    """Which signals the training customers lacked, and what that means."""
    names = data["unknown_signals"]
    they_are, them = ("it is", "it") if len(names) == 1 else ("they are", "them")
    return (
        f"{data['source']} lacks {', '.join(names)}: {they_are} unknown for every customer to fit on, so the model takes no"
        f" account of {them}."
    )


def _are_published(segments: Collection[str]) -> bool:
    return set(segments) == _PUBLISHED.keys()


def _life_situations(segments: list[str]) -> str:
    number = _NUMBERS.get(len(segments), str(len(segments)))
    published = " that Kela has\npublished" if _are_published(segments) else ""
    names = ", ".join(f"*{name}*" + f" ({_PUBLISHED.get(name)})" * (name in _PUBLISHED) for name in segments)
    return f"{number} life situations{published}: {names}"


def _question_fi(segments: list[str]) -> str:
    if _are_published(segments):
        return _QUESTION_FI
    return "mikä näistä kuvaa asiakkaan arkea: " + ", ".join(f"*{_name_fi(name)}*" for name in segments)


def _name_fi(segment: str) -> str:
    return _PUBLISHED.get(segment, segment)


def _recall_fi(segments: dict[str, SegmentFigures]) -> str:
    recall = {name: _percent_fi(figures["recall"]) for name, figures in segments.items()}
    if _are_published(recall):
        return (
            f"Tasaisen arjen asiakkaista se nimeäisi oikein {recall['steady']}, muuttuvan {recall['changing']} ja tuettavan"
            f" {recall['supported']}: muuttuvaa ja tuettavaa arkea on vaikea nähdä karkeista tiedoista"
        )
    shares = ", ".join(f"{_name_fi(name)} {share}" for name, share in recall.items())
    return f"Kunkin ryhmän asiakkaista se nimeäisi oikein: {shares}. Harvinaista on vaikea nähdä karkeista tiedoista"


def _figures_fi(manifest: Manifest, evaluation: EvaluationDocument) -> str:
    silent = manifest["metrics"]["answered"]["abstention_rate"]
    beyond = sum(not gate["passed"] for gate in manifest["gates"])
    return (
        f"Testijoukossa malli jätti vastaamatta {_percent_fi(silent)} asiakkaista."
        f" {_recall_fi(manifest['metrics']['scorecard']['segments'])}, joten malli ei saa olla ainoa tie"
        " henkilökohtaiseen palveluun. Ikä-, sukupuoli- ja kieliryhmien välisiä eroja mitattiin"
        f" {len(evaluation['groups'])}; sallitun rajan ylittäviä eroja on {beyond}, ja jokaiselle on kirjattava perustelu ennen"
        " käyttöönottoa."
    )


def _percent_fi(share: float | None) -> str:
    return "–" if share is None else f"{100 * share:.0f} %"


def _data(manifest: Manifest, labels: str) -> str:
    data = manifest["data"]
    libraries = ", ".join(f"{name} {version}" for name, version in manifest["libraries"].items())
    unknown = f" {unknown_signals(data)}" if data["unknown_signals"] else ""
    return f"""\
## Data

{labels}{unknown}

| | |
|---|---|
| source | {data["source"]} (seed {manifest["seed"]}; test seed {manifest["test_seed"]}) |
| sha256 of features and labels | `{data["sha256"]}`, test `{data["test_sha256"]}` |
| sha256 of the audit attributes | `{data["audit_sha256"]}` |
| customers | {data["customers"]:,}: {data["train"]:,} to fit, {data["validation"]:,} to calibrate and choose thresholds, \
{data["test"]:,} to measure; no customer in two parts |
| feature contract | `{manifest["feature_contract"]}` |
| made with | Python {manifest["python"]}, {libraries} |

The estimator is a multinomial logistic regression on binned signals with a bin for *unknown* (scikit-learn), its log-odds
scaled by one temperature ({manifest["temperature"]}). It is served as the additive table below, which agrees with it on every
customer of the test part within {manifest["compiled_equal_within"]:.0e} in each probability.
"""


def _thresholds(manifest: Manifest) -> str:
    lines = ["## Thresholds, chosen on validation data\n", "| threshold | value | why |", "|---|---:|---|"]
    for name, entry in manifest["thresholds"].items():
        lines.append(f"| {name} | {entry['value']} | {entry['reason']} |")
    return "\n".join(lines) + "\n"


def _tables(scorecard: dict[str, Any]) -> str:
    """The model itself: what each bin of each signal adds to the log-odds of each segment."""
    segments = scorecard["segments"]
    heads = ["| | " + " | ".join(segments) + " |", "|---|" + "---:|" * len(segments)]
    lines = [
        "## The whole model\n",
        _READING,
        "![What each bin of each signal adds; ? is unknown](plot-contributions.png)\n",
        *heads,
        _row("start", scorecard["intercept"]),
    ]
    for table in scorecard["tables"]:
        lines += [
            f"\n### {' × '.join(table['features'])}\n",
            *dict.fromkeys(_meaning(name) for name in table["features"]),
            "",
            *heads,
        ]
        names = [""]
        for edges in table["edges"]:
            names = [f"{name}, {bin_}".strip(", ") for name in names for bin_ in bin_names(edges)]
        lines += [_row(name, row) for name, row in zip(names, table["rows"], strict=True)]
    return "\n".join(lines) + "\n"


def _meaning(feature: str) -> str:
    signal = DECLARED["person"][FEATURE_SIGNAL[feature]]
    return f"{signal.meaning}; used because {signal.why}."


def _row(name: str, fixed_point: list[int]) -> str:
    return f"| {name} | " + " | ".join(f"{number / SCALE:+.2f}" for number in fixed_point) + " |"
