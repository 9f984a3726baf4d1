"""Wording that states entitlement, which no text of Arki's own may hold (hard rule 7): a lint in fi, sv and en.

It looks for promises (you have a right to, you qualify, we pay you), not for topics: a page may name a benefit and say
where its conditions are. A text that only asks or denies ("whether you are entitled", "this does not decide") is left
alone. The patterns are wider than grammar: a false alarm costs a rewording, a missed promise costs a customer's trust.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from models.contract.codes import CUSTOMER_TYPES
from models.decision.catalogue import OWN_PAGES

# fmt: off
_BENEFIT_FI: Final = r"(?:tuk\w*|etuu\w*|raha\w*|korvau\w*|eläk\w*|avustu\w*|lis[äi]\w*|päiväraha\w*|\w+tuk(?:i|ea|en)|\w+raha[an]?|\d+\s*(?:€|euro\w*))"
_BENEFIT_SV: Final = r"(?:stöd\w*|förmån\w*|bidrag\w*|pengar|ersättning\w*|pension\w*|dagpenning\w*|tillägg\w*|\w+(?:stöd|bidrag|penning)(?:et|en)?|\d+\s*(?:€|euro))"
_BENEFIT_EN: Final = r"(?:(?:the |a |an |this |your )?(?:\w+ ){0,2}(?:support|benefits?|allowances?|money|payments?|compensation|pensions?|grants?|aid)|€\s*\d+|\d+\s*(?:€|euros?))"

ENTITLEMENT: Final = {
    "fi": "|".join((
        r"\bolet(?:te)?(?:\s+\w+){0,2} oikeutettu", r"\boikeutet\w+ (?:saamaan|tuk|etuu)", r"(?:sinulla|teillä) on(?:\s+\w+)? oikeus",
        r"\boikeu(?:s|tesi|tenne)(?: saada)? (?:on |tähän )?" + _BENEFIT_FI, r"\boikeutesi (?:on|syntyy|alkaa)",
        r"(?:sinulle|teille) kuulu(?:u|vat|isi)", r"\bsinulle kuuluva", r"\bsaat(?:te)? (?:varmasti|aina|jatkossa|pian)?\s*" + _BENEFIT_FI, r"\bsaat varmasti",
        r"\bvoit(?:te)? saada(?:\s+\w+)? " + _BENEFIT_FI, r"\bvoit saada\b", r"\btulet(?:te)? saamaan", r"\btäytät(?:te)? (?:\w+ )?(?:ehdot|edellytykset|vaatimukset)",
        r"\b(?:ehdot|edellytykset) täyttyvät", r"\bmaksamme (?:sinulle|teille)", r"\b(?:sinulle|teille) maksetaan", r"\bkela maksaa (?:sinulle|teille)",
        r"\bmyönnetään (?:sinulle|teille)", r"\b(?:sinulle|teille)(?: on)? myönne", r"\bansaitset", r"\bhakemukse\w+ hyväksy", r"\bpäätös on myönteinen",
        r"\bkelpaat (?:tu|etu)", r"\bet ole oikeutettu", r"\b(?:sinulla|teillä) ei ole oikeutta", r"\bet(?:te)? (?:voi )?saa(?:da)? " + _BENEFIT_FI,
    )),
    "sv": "|".join((
        r"\b(?:du|ni) har(?:\s+\w+)? rätt (?:till|att få)", r"\brätt till " + _BENEFIT_SV, r"\b(?:du|ni) är (?:\w+ )?berättigad", r"\bberättigad(?:e)? till",
        r"\b(?:du|ni) (?:kan )?(?:få|får|erhåller)(?:\s+\w+)? " + _BENEFIT_SV, r"\b(?:du|ni) kommer att få", r"\b(?:du|ni) uppfyller (?:\w+ )?(?:villkor|krav|kriteri)",
        r"\bvillkoren (?:är uppfyllda|uppfylls)", r"\bvi betalar", r"\bfpa betalar (?:dig|er)", r"\bbetalas (?:ut )?till (?:dig|er)", r"\bbeviljas\b", r"\b(?:du|ni) beviljas",
        r"\bhar beviljats (?:dig|er)", r"\btillkommer (?:dig|er)", r"\bdin ansökan (?:godkänns|blir godkänd|beviljas)", r"\b(?:du|ni) kvalificerar",
        r"\b(?:du|ni) förtjänar", r"\bbeslutet är positivt", r"\b(?:du|ni) har inte rätt", r"\b(?:du|ni) är inte berättigad",
    )),
    "en": "|".join((
        r"\byou(?:'re| are| may be| might be| could be| will be)(?: \w+)? (?:entitled|eligible)", r"\b(?:entitled|eligible) (?:to|for) " + _BENEFIT_EN,
        r"\byou(?:r household)? (?:may |will |would )?qualif(?:y|ies)", r"\byou have (?:a|the|every) right to", r"\byour right to " + _BENEFIT_EN,
        r"\byou(?:'ll| will| can| should| are going to) (?:get|receive|be paid|be granted|be awarded) " + _BENEFIT_EN, r"\byou(?:'ll| will) (?:get|receive|be paid|be granted|be awarded)",
        r"\byou get " + _BENEFIT_EN, r"\bwe(?:'ll| will)? pay you", r"\bkela (?:pays|will pay) you", r"\b(?:is|are|will be) (?:paid|granted|awarded) to you", r"\byou (?:meet|fulfil|satisfy) (?:\w+ ){0,2}(?:conditions|criteria|requirements)",
        r"\byou are owed", r"\byou deserve", r"\bbelongs to you", r"\byour (?:application|claim) (?:will be|is) (?:approved|accepted|granted)", r"\byou are not (?:entitled|eligible)", r"\byou do not qualify",
    )),
}
"""Patterns by language, matched without regard to case on text whose spaces and letters were made plain."""

_ASKS: Final = {
    "fi": r"\b(?:onko|oletko|kerro mitään siitä|tarkista,? onko|voitko)\b",
    "sv": r"\b(?:om|huruvida|har du|är du)\b(?=.{0,12}$)",
    "en": r"\b(?:whether|if|are you|do you)\b(?=.{0,12}$)",
}
# fmt: on


def states_entitlement(text: str, language: str) -> str | None:
    """The first words of a text that state entitlement (or its lack); None if there are none."""
    plain = _plain(text)
    for match in re.finditer(ENTITLEMENT[language], plain, re.IGNORECASE):
        before = plain[max(0, match.start() - 25) : match.start()]
        if not re.search(_ASKS[language], before, re.IGNORECASE):
            return match.group()
    return None


def own_texts(
    rulebook: Mapping[str, Any],
    catalogue: Mapping[str, Any],
    texts: Mapping[str, Any],
    vocabulary: Mapping[str, Any],
    *,
    languages: Sequence[str],
) -> Iterator[tuple[str, str, str]]:
    """Every text of Arki's own that patterns exist for, as (subject, language, text): reasons, notices, names, nudges and pages.

    Titles of kela.fi pages are Kela's and are left out.
    """
    for customer_type in CUSTOMER_TYPES:
        for rule in rulebook[customer_type]:
            for language, text in rule["because"].items():
                if language in ENTITLEMENT:
                    yield rule["id"], language, text
    for item in catalogue["items"]:
        for language, text in item["languages"].items():
            own = "body" in text or str(text.get("url", "")).startswith(OWN_PAGES)
            if own and language in ENTITLEMENT:
                yield item["id"], language, " ".join(_strings(text))
    for language in ENTITLEMENT:
        yield "texts.yaml", language, " ".join(_strings(texts, language, languages))
        for part in ("segments", "groups", "languages"):
            yield f"{part}.yaml", language, " ".join(_strings(vocabulary[part], language, languages))


def _plain(text: str) -> str:
    """Composed letters, plain spaces and apostrophes, nothing invisible: so that a look-alike is not a way round."""
    composed = unicodedata.normalize("NFKC", text)
    visible = "".join(c for c in composed if unicodedata.category(c) != "Cf")
    return re.sub(r"[\s*_]+", " ", visible.replace("’", "'"))


def _strings(value: object, language: str | None = None, languages: Sequence[str] = ()) -> Iterator[str]:
    """Every string within, or within the entries of one language."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, Mapping):
        for key, entry in value.items():
            if key == language or not (language and key in languages):
                yield from _strings(entry, language, languages)
    elif isinstance(value, list):
        for entry in value:
            yield from _strings(entry, language, languages)
