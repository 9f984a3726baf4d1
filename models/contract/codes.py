"""Closed code lists that signals, facts, rulebook and catalogue share. Data only; a code is its own wire value.

References
----------
Life events: suomi.fi Service Catalogue (PTV) code list ``ptvelti``, MIT. Benefits and channels: Kela's own names in
English (kela.fi); language codes: ISO 639-1.
"""

from __future__ import annotations

from typing import Final, Literal

Language = Literal["fi", "sv", "en"]
LANGUAGES: Final[tuple[Language, ...]] = ("fi", "sv", "en")
NATIONAL_LANGUAGES: Final[tuple[Language, ...]] = ("fi", "sv")
"""In which statutory content and what rules offer must exist (Language Act 423/2003)."""
UNKNOWN: Final = "unknown"

CustomerType = Literal["person", "employer"]
CUSTOMER_TYPES: Final[tuple[CustomerType, ...]] = ("person", "employer")

LIFE_EVENTS: Final = tuple(f"KE{n}" for n in range(1, 15))
LIFE_EVENT_CODES: Final = (*LIFE_EVENTS, "KE1.1", "KE4.1", "KE4.2", "KE4.3", "KE4.4")

BENEFITS: Final = (
    "general_social_security_benefit",
    "housing_allowance",
    "pensioner_housing_allowance",
    "social_assistance",
    "sickness_allowance",
    "rehabilitation",
    "parental_allowance",
    "maternity_grant",
    "child_benefit",
    "child_home_care_allowance",
    "private_day_care_allowance",
    "flexible_care_allowance",
    "child_maintenance_allowance",
    "student_aid",
    "school_transport",
    "conscripts_allowance",
    "disability_allowance",
    "national_pension",
    "guarantee_pension",
    "survivors_pension",
    "medicine_reimbursements",
    "medical_care_reimbursements",
    "travel_reimbursements",
    "interpreter_services",
)
CLAIM_KINDS: Final = (
    "sickness_allowance",
    "family_leave",
    "occupational_health_care",
    "annual_holiday_cost",
    "rehabilitation",
)
PERSON_CHANNELS: Final = (
    "omakela_nudge",
    "omakela_message",
    "web_page",
    "chat",
    "phone",
    "phone_appointment",
    "callback",
    "service_point",
    "remote_service",
    "paper",
    "social_channel",
)
CHANNELS: Final = (*PERSON_CHANNELS, "employer_service")
CONTENT_TYPES: Final = (
    "nudge",
    "explainer_video",
    "guide",
    "web_page",
    "form",
    "calculator",
    "easy_read",
    "article",
    "appointment_offer",
    "contact_card",
)

BARRED: Final = frozenset(
    [
        "age",
        "ika",
        "birth_date",
        "birth_year",
        "date_of_birth",
        "syntymaaika",
        "syntymavuosi",
        "alder",
        "sex",
        "gender",
        "sukupuoli",
        "kon",
        "nationality",
        "citizenship",
        "kansalaisuus",
        "medborgarskap",
        "country_of_birth",
        "syntymamaa",
        "ethnicity",
        "religion",
        "mother_tongue",
        "native_language",
        "aidinkieli",
        "modersmal",
        "language",
        "service_language",
        "asiointikieli",
        "kieli",
        "sprak",
        "residence",
        "municipality",
        "home_municipality",
        "kotikunta",
        "kunta",
        "hemkommun",
        "region",
        "postcode",
        "postal_code",
        "postinumero",
        "postnummer",
        "address",
        "osoite",
        "adress",
        "place_of_residence",
        "asuinpaikka",
        "bostadsort",
        "name",
        "first_name",
        "last_name",
        "full_name",
        "nimi",
        "etunimi",
        "sukunimi",
        "namn",
        "identity_code",
        "personal_identity_code",
        "henkilotunnus",
        "hetu",
        "personbeteckning",
        "ssn",
        "diagnosis",
        "diagnosis_code",
        "icd10",
        "diagnoosi",
        "diagnos",
        "email",
        "phone_number",
    ],
)
"""Attributes barred from choosing a segment or content (YVTLTK 216/2017; GDPR 9), refused by name."""
