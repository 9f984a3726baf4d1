"""No text states entitlement, in whatever words; and what holds whatever the rules say is checked by name."""

import copy

import pytest

from models.authoring import analysis, loader
from models.authoring.promises import CHECKS, WORDING
from models.authoring.wording import states_entitlement
from models.decision.decision_table import read_rulebook
from testing.shipped import CONTRACT

# fmt: off
PROMISED = {
    "fi": ["Olet oikeutettu tukeen.", "Olette nyt oikeutettuja korvaukseen.", "Sinulla on oikeus asumistukeen.", "Sinulle kuuluu lapsilisä.", "Saat tukea.", "Saat pian asumistukea.", "Voit saada toimeentulotukea.", "Tulet saamaan rahaa.", "Täytät ehdot.", "Täytätte tuen ehdot.", "Maksamme sinulle 300 €.", "Sinulle maksetaan päivärahaa.", "Tuki myönnetään sinulle.", "Sinulle myönnettiin tuki.", "Ansaitset tämän tuen.", "Hakemuksesi hyväksytään.", "Et ole oikeutettu tukeen.", "Oikeutesi etuuteen on syntynyt.", "Saat 500 euroa kuussa.", "Kela maksaa sinulle tuen.", "Et voi saada tukea.", "OLET  OIKEUTETTU tukeen", "Olet **oikeutettu** tukeen", "Olet oikeu\u00adtettu tukeen"],
    "sv": ["Du har rätt till stöd.", "Ni har rätt att få bidrag.", "Du är berättigad till bostadsbidrag.", "Du får bostadsbidrag.", "Du kan få stöd.", "Du kommer att få pengar.", "Du uppfyller villkoren.", "Du uppfyller alla krav.", "Vi betalar 300 euro.", "Stödet betalas ut till dig.", "Du beviljas stöd.", "Bidraget tillkommer dig.", "Din ansökan godkänns.", "Du kvalificerar dig för stöd.", "Du är inte berättigad.", "Du har inte rätt till stöd.", "Rätt till förmånen", "Du ha\u0308r rätt till stöd. Du är bera\u0308ttigad."],
    "en": ["You are entitled to support.", "You’re eligible.", "You may be eligible for a benefit.", "You qualify for housing allowance.", "You have a right to an allowance.", "You will receive the benefit.", "You can get housing allowance.", "You'll be paid 300 euros.", "We will pay you.", "The benefit will be granted to you.", "You meet the conditions.", "You meet all the criteria.", "You are owed money.", "You deserve this support.", "Your application will be approved.", "You are not eligible.", "You do not qualify.", "Eligible for the allowance", "Your right to a benefit", "You get €300 a month.", "You are entitled\u00a0to support"],
}
ALLOWED = {
    "fi": ["Tarkista, oletko oikeutettu tukeen.", "Tämä ei kerro, onko sinulla oikeus tukeen.", "Saat ohjeita OmaKelasta.", "Saat apua hakemiseen.", "Voit lukea tuen ehdoista.", "Katso, mitä liitteitä hakemukseen tarvitaan.", "Saat vastauksen puhelimessa."],
    "sv": ["Det här säger inte om du har rätt till stöd.", "Du får hjälp med ansökan.", "Läs om villkoren för stödet.", "Du kan få hjälp per telefon."],
    "en": ["This does not tell whether you are entitled to support.", "You can get help on the phone.", "Read about the conditions of the benefit.", "You get the answer by letter."],
}
# fmt: on


@pytest.mark.parametrize(
    ("language", "text"), [(lang, text) for lang, texts in PROMISED.items() for text in texts]
)
def test_wording_of_entitlement_is_found(language, text):
    assert states_entitlement(text, language)


@pytest.mark.parametrize(
    ("language", "text"), [(lang, text) for lang, texts in ALLOWED.items() for text in texts]
)
def test_guidance_is_not_taken_for_entitlement(language, text):
    assert states_entitlement(text, language) is None


@pytest.fixture(scope="module")
def whole(content):
    return loader.read_rules(copy.deepcopy(content), loader.RULEBOOK)


def findings(authored, change):
    broken = copy.deepcopy(authored)
    change(broken)
    analysis.analyse(broken)
    return broken.findings


def test_every_promise_is_listed_and_has_a_check(whole):
    assert (
        {promise.check for promise in read_rulebook(whole.rulebook, CONTRACT).promises}
        == {*CHECKS, WORDING}
        == set(loader.PROMISES)
    )


def item(authored, name):
    return next(item for item in authored.catalogue["items"] if item["id"] == name)


BREAKS = [
    pytest.param(
        lambda a: a.channels["channels"]["callback"].update(human=False),
        "breaks the promise `a-human-is-always-reachable`: `callback` is not answered by a person.",
        id="no human",
    ),
    pytest.param(
        lambda a: a.channels["channels"]["callback"].update(hours={}),
        "breaks the promise `a-human-is-always-reachable`: `callback` has no opening hours.",
        id="no hours",
    ),
    pytest.param(
        lambda a: a.channels["channels"]["phone"].update(audience="person"),
        "breaks the promise `a-human-is-always-reachable`: `phone` is not for employers.",
        id="a person's channel for employers",
    ),
    pytest.param(
        lambda a: a.channels["channels"]["employer_service"].update(audience="person"),
        "breaks the promise `persons-and-employers-apart`: `employer_service` is not for employers.",
        id="another channel for employers",
    ),
    pytest.param(
        lambda a: [
            i.update({"class": "service"})
            for i in a.catalogue["items"]
            if "student_aid" in i.get("benefits", ())
        ],
        "breaks the promise `statutory-content-reaches-everyone`: nothing statutory can reach persons with `student_aid`.",
        id="a benefit without its duty",
    ),
    pytest.param(
        lambda a: item(a, "contact-kela")["languages"]["sv"].update(title="Du är berättigad till stöd"),
        "states entitlement in `sv`: “Du är berättigad”.",
        id="a page",
    ),
    pytest.param(
        lambda a: a.texts["notice"].update(en="You qualify for this."),
        "states entitlement in `en`: “You qualify”.",
        id="the notice",
    ),
]


@pytest.mark.parametrize(("change", "words"), BREAKS)
def test_a_broken_promise_is_told_by_name(whole, change, words):
    found = findings(whole, change)
    assert any(words in finding.message for finding in found), list(map(str, found))
    assert all(finding.severity == "error" for finding in found)


def test_the_rulebook_lists_its_promises(client):
    shown = client.get("/v1/rulebook").get_json()
    assert {promise["check"] for promise in shown["promises"]} == {*CHECKS, WORDING}
    assert len(shown["guarantees"]) + len(shown["promises"]) >= 13
    assert all(rule["valid_from"] is None for rule in shown["person"])
