"""What codes are called on a page, in the reader's language. Data, and one look-up each; unknown codes show as they are.

What the content team owns has its names in the vocabulary of the bundle. What stands here is of the code: facts and their
values, signals, faults, the words of reports.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any, Final

from flask_babel import LazyString, get_locale
from flask_babel import lazy_gettext as _l

from models.contract.codes import EMPLOYER, PERSON, UNKNOWN, CustomerType, Language
from models.contract.vocabulary import Condition
from models.decision.bundle import Bundle
from models.decision.catalogue import ContentItem
from models.decision.fact_forms import NO
from models.decision.facts import SEGMENT
from models.decision.groups import ALL, ANY, GROUP, NOT

CUSTOMER_TYPES: Final[Mapping[str, LazyString]] = {PERSON: _l("Person"), EMPLOYER: _l("Employer")}
FACTS: Final[Mapping[str, LazyString]] = {
    "personalisation": _l("Personalisation"),
    "segment": _l("Segment"),
    "confidence": _l("Certainty of the segment"),
    "life_event": _l("Life event"),
    "open_matter": _l("Open matter"),
    "digital": _l("Digital readiness"),
    "friction": _l("Where it gets stuck"),
    "strong_identification": _l("Strong identification"),
    "acts_through_mandate": _l("Someone acts by mandate"),
    "interpreter_needed": _l("Needs an interpreter"),
    "easy_language": _l("Easy language"),
    "employer_size": _l("Employer size"),
    "first_claim": _l("First claim"),
}
VALUES: Final[Mapping[str, LazyString]] = {
    "allowed": _l("allowed"),
    "objected": _l("objected"),
    "minor": _l("minor"),
    "high": _l("certain"),
    "moderate": _l("fairly certain"),
    "unknown": _l("unknown"),
    "none": _l("none"),
    "yes": _l("yes"),
    "no": _l("no"),
    "self_service": _l("manages online"),
    "assisted": _l("online, with help"),
    "offline": _l("not online"),
    "missing_documents": _l("documents missing"),
    "repeat_contacts": _l("repeated contacts"),
    "late_claims": _l("claims late"),
    "returned_claims": _l("claims returned"),
    "micro": _l("under 10 employees"),
    "small": _l("10–49 employees"),
    "medium": _l("50–249 employees"),
    "large": _l("250 employees or more"),
}
SIGNALS: Final[Mapping[str, LazyString]] = {
    "months_on_income_support": _l("Months on income support in a row"),
    "benefits_started_6m": _l("Benefits that began in 6 months"),
    "benefits_ended_6m": _l("Benefits that ended in 6 months"),
    "social_assistance_months_12m": _l("Months with basic social assistance in 12 months"),
    "applications_12m": _l("Applications in 12 months"),
    "applications_online_12m": _l("Applications sent online in 12 months"),
    "attachment_requests_12m": _l("Times a supporting document was asked for in 12 months"),
    "reconsiderations_12m": _l("Corrections and appeals in 12 months"),
    "omakela_logins_90d": _l("OmaKela log-ins in 90 days"),
    "phone_contacts_90d": _l("Phone contacts in 90 days"),
    "service_point_visits_90d": _l("Service point visits in 90 days"),
    "chat_contacts_90d": _l("Chat contacts in 90 days"),
    "repeat_contacts_30d": _l("Contacts on the same matter in 30 days"),
    "partner_contacts_12m": _l("Contacts by another authority in 12 months"),
    "life_events": _l("Life events"),
    "active_benefits": _l("Benefits paid now"),
    "open_matter": _l("Open matter"),
    "strong_identification": _l("Has strong identification"),
    "acts_through_mandate": _l("Someone acts by mandate"),
    "interpreter_needed": _l("Needs an interpreter"),
    "easy_language": _l("Has asked for easy language"),
    "preferred_channel": _l("Preferred channel"),
    "minor": _l("Under 18"),
    "personalisation": _l("Personalisation"),
    "employees": _l("Number of employees"),
    "claims_12m": _l("Claims in 12 months"),
    "claims_online_12m": _l("Claims sent online in 12 months"),
    "claims_returned_12m": _l("Claims returned in 12 months"),
    "late_claims_12m": _l("Late claims in 12 months"),
    "claim_kinds": _l("Kinds of claim"),
    "first_claim": _l("About to make the first claim"),
    "uses_employer_service": _l("Uses the e-service for employers"),
    "uses_incomes_register": _l("Claims through the Incomes Register"),
}
FAULTS: Final[Mapping[str, LazyString]] = {
    "wrong_type": _l("Give a whole number, or leave the field empty."),
    "out_of_range": _l("The number is too large or too small for this field."),
    "unknown_value": _l("Choose one of the values in the list."),
    "repeated": _l("Choose each value once."),
    "contradiction": _l("The part cannot be greater than the whole."),
}
GATES: Final[Mapping[str, LazyString]] = {
    "draft": _l("It is a draft"),
    "audience": _l("It is not for such customers"),
    "statutory": _l("It is statutory: shown in a list of its own"),
    "kind": _l("The rule does not look for this kind of content"),
    "channel": _l("It does not fit the channel"),
    "topic": _l("It is about another topic"),
    "validity": _l("It is not valid on that day"),
    "language": _l("Another one on the topic is in the customer's language"),
    "shown": _l("It was shown before"),
    "outranked": _l("Another one goes first"),
    "restricted": _l("The caller cannot show it"),
    "limit": _l("The limit of suggestions was reached"),
}
CLASSES: Final[Mapping[str, LazyString]] = {
    "statutory": _l("Statutory"),
    "service": _l("Service"),
    "guidance": _l("Guidance"),
}
STATUSES: Final[Mapping[str, LazyString]] = {"approved": _l("Approved"), "draft": _l("Draft")}
AUDIT: Final[Mapping[str, LazyString]] = {
    "age_band": _l("Age"),
    "sex": _l("Sex"),
    "language": _l("Service language"),
    "man": _l("man"),
    "woman": _l("woman"),
    "other": _l("other language"),
    "recall": _l("found"),
    "precision": _l("right when named"),
    "abstention": _l("no segment named"),
    "named": _l("named so"),
    "personal_service": _l("offered a person first"),
}
STAGES: Final[Mapping[str, LazyString]] = {
    "waiting": _l("Waiting for its turn"),
    "reading": _l("Reading the files"),
    "checking": _l("Checking every combination of facts"),
    "comparing": _l("Comparing with the table in use"),
    "weighing": _l("Counting the effect on the sample population"),
    "trying": _l("Trying personas and examples"),
    "writing": _l("Writing the spreadsheet"),
}
FAILURES: Final[Mapping[str, LazyString]] = {
    "stopped": _l(
        "The work was stopped: it took too much time or memory. Make the file smaller and try again."
    ),
    "memory": _l("The work was stopped: it took too much memory. Make the file smaller and try again."),
    "unexpected": _l("Something unexpected stopped the work. Tell whoever runs the service."),
    "no_bundle": _l("No table is in use, so there is nothing to compare with."),
    "twice": _l("Two of the files are the same part of the rulebook. Send each part once."),
    "unknown_file": _l(
        "A file is none that Arki knows. Send rules.yaml or another file of the rulebook, or a spreadsheet."
    ),
    "damaged_bundle": _l("The table in use is damaged on disk. Tell whoever runs the service."),
    "sheet": _l("The spreadsheet cannot be brought into the rules."),
}
_TOO_MUCH: Final = _l(
    "What the draft would change could not be counted: it took too much time or memory. The findings above are not affected."
)
UNWEIGHED: Final[Mapping[str, LazyString]] = {
    "errors": _l("What the draft would change can be counted once its errors are corrected."),
    "no_bundle": FAILURES["no_bundle"],
    "memory": _TOO_MUCH,
    "stopped": _TOO_MUCH,
    "unexpected": _l(
        "What the draft would change could not be counted, because of a fault in Arki. The findings above are not affected. "
        "Tell whoever runs the service; its log says where the fault is."
    ),
}
DIMENSIONS: Final[Mapping[str, LazyString]] = {
    "rule": _l("By rule"),
    "content": _l("By content"),
    "channel": _l("By channel"),
    "segment": _l("By segment"),
}
CHANGES: Final[Mapping[str, LazyString]] = {
    "changes:0": _l("Another channel or kind of content"),
    "changes:1": _l("Other content"),
    "changes:2": _l("Another name, or other hours, of a channel"),
    "changes:3": _l("Another sentence"),
}
"""In the order of `models.authoring.impact_report.CHANGES`."""
EDITS: Final[Mapping[str, LazyString]] = {
    "added": _l("added"),
    "removed": _l("removed"),
    "changed": _l("changed"),
    "moved": _l("moved to another place"),
}
_AND: Final = _l("and")
_OR: Final = _l("or")


def language() -> Language:
    """The language of the page, one of the interface."""
    return str(get_locale())[:2]


class Names:
    """Names of codes in one bundle; a template's `names`."""

    def __init__(self, bundle: Bundle) -> None:
        self._recommender = bundle.recommender
        self._words = bundle.recommender.vocabulary
        self._events = {code: term.name for code, term in self._words.life_events.items()}
        for term in self._words.life_events.values():
            self._events |= term.children

    def channel(self, code: str) -> str:
        """A channel."""
        channel = self._recommender.channels.get(code)
        return _spoken(channel.names, code) if channel else self.value(code)

    def segment(self, code: str) -> str:
        """A segment, or that none is named."""
        segment = self._words.segments.get(code)
        return _spoken(segment.name, code) if segment else self.value(code)

    def group(self, code: str) -> str:
        """A further customer group."""
        group = self._words.groups.get(code)
        return _spoken(group.name, code) if group else code

    def topic(self, code: str) -> str:
        """A topic."""
        topic = self._words.topics.get(code)
        return _spoken(topic.name, code) if topic else code

    def benefit(self, code: str, customer_type: str = PERSON) -> str:
        """A benefit, or of an employer a kind of claim."""
        kind: CustomerType = EMPLOYER if customer_type == EMPLOYER else PERSON
        duty = self._words.duties[kind].get(code)
        return _spoken(duty.name, code) if duty else str(VALUES.get(code, code))

    def fact(self, code: str) -> str:
        """A fact, by its name in the table; a group that rules name is one."""
        return self.group(code) if code in self._words.groups else str(FACTS.get(code, code))

    def value(self, code: str, fact: str = "", customer_type: str = PERSON) -> str:
        """A value of a fact."""
        if fact == SEGMENT:
            return self.segment(code)
        if code in self._events:
            return _spoken(self._events[code], code)
        if fact == "open_matter":
            return self.benefit(code, customer_type)
        return str(VALUES.get(code, code))

    def condition(self, when: Condition, customer_type: str = PERSON) -> str:
        """The condition of a group or of a stated segment, in words."""
        parts = self._parts(when, customer_type)
        texts = (f"({text})" if is_choice and len(parts) > 1 else text for text, is_choice in parts)
        return f" {_AND} ".join(texts)

    def _parts(self, when: Condition, customer_type: str) -> list[tuple[str, bool]]:
        """What must hold together, each with whether it is a choice of several."""
        parts: list[tuple[str, bool]] = []
        for key, value in when.items():
            if key == ALL or (key == ANY and len(value) == 1):
                for each in value:
                    parts += self._parts(each, customer_type)
            elif key == ANY:
                chosen = (self.condition(each, customer_type) for each in value)
                parts.append((f" {_OR} ".join(chosen), True))
            elif key == NOT:
                excluded = self.condition(value, customer_type)
                parts.append((str(_l("not (%(condition)s)", condition=excluded)), False))
            elif key == GROUP:
                parts += [
                    (str(_l("in the group %(group)s", group=self.group(code))), False) for code in value
                ]
            else:
                named = (self.value(code, key, customer_type) for code in value)
                parts.append((f"{self.fact(key)}: " + f" {_OR} ".join(named), False))
        return parts

    def kind(self, code: str) -> str:
        """A kind of content."""
        kind = self._words.content_types.get(code)
        return _spoken(kind.name, code) if kind else code

    def kinds(self, codes: Any) -> str:  # noqa: ANN401  (any iterable of codes)
        """Kinds of content in a row."""
        return ", ".join(self.kind(code) for code in codes)

    def signal(self, code: str) -> str:
        """A signal."""
        return str(SIGNALS.get(code, code))

    def options_of(self, signal: str, customer_type: str) -> Callable[[str], str]:
        """What names the values of a signal."""
        if signal == "preferred_channel":
            return self.channel
        return lambda code: self.value(code, signal, customer_type)

    def outcome(self, dimension: str, value: str | None) -> str:
        """A row of a report of outcomes; None is everyone of whom only a total is kept."""
        if value is None:
            return str(_l("Customers who objected, and minors"))
        if dimension == "content":
            item = self._recommender.catalogue.items.get(value)
            return item.languages[self.shown_in(item)].title if item and item.languages else value
        if dimension in {"channel", "segment"}:
            return self.channel(value) if dimension == "channel" else self.segment(value)
        return value

    def language(self, code: str) -> str:
        """A language of answers."""
        term = self._words.languages.get(code)
        return _spoken(term.name, code) if term else code

    def language_of_answers(self) -> Language:
        """The language of answers that a reader of this page is shown: the page's own where the vocabulary has it."""
        spoken = language()
        return spoken if spoken in self._words.languages else self._words.default_language

    def text(self, texts: Mapping[str, str]) -> str:
        """A text of the vocabulary in the language of the page, else in the first that it has."""
        return _spoken(texts, "")

    def first_language(self) -> Language:
        """The language of who asks for none."""
        return self._words.default_language

    def written_in(self, code: Language) -> Language:
        """In which language the sentences of an answer are: its own where every text exists in it, else the first fallback's."""
        return self._words.languages[code].spoken(self._words.complete_languages) or code

    def shown_in(self, item: ContentItem) -> Language:
        """In which language a reader of this page is shown an item."""
        return item.language_for(self.language_of_answers())

    def seen(self, change: str, text: str) -> str:
        """What a customer sees; of a change of rules the channel and the kind of content, else the text itself."""
        if change != "rules" or not text:
            return text or "–"
        channel, _, kind = text.partition(" ")
        return f"{self.channel(channel)}: {self.kind(kind)}" if kind else self.channel(channel)

    def gate(self, code: str) -> str:
        """Why an item is not offered."""
        return str(GATES[code])

    def pairs(self, how: str, codes: Iterable[str], *more: str) -> list[tuple[str, str]]:
        """Codes beside their names, for a list to choose from."""
        name = getattr(self, how)
        return [(code, name(code, *more)) for code in codes]

    def known(self, facts: Mapping[str, str]) -> dict[str, str]:
        """The facts that say something; that a customer is in no group of some name says nothing."""
        return {
            name: value
            for name, value in facts.items()
            if value != UNKNOWN
            and (name, value) != ("personalisation", "allowed")
            and not (name in self._words.groups and value == NO)
        }

    def word(self, code: str) -> str:
        """Any other code of a page."""
        for table in (AUDIT, DIMENSIONS, CUSTOMER_TYPES, CLASSES, STATUSES, STAGES, CHANGES, EDITS):
            if code in table:
                return str(table[code])
        return self.language(code)


def _spoken(names: Mapping[str, str], code: str) -> str:
    """A name in the language of the page, else in the first that it has; the code itself where it has none."""
    return names.get(language()) or next((name for name in names.values() if name), code)
