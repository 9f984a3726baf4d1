"""Closed code lists that the law and the code fix. What the content team may change is `models.contract.vocabulary`'s."""

from __future__ import annotations

from typing import Final, Literal

Language = str
"""A code of a language of answers; which there are is the vocabulary's."""
UNKNOWN: Final = "unknown"

CustomerType = Literal["person", "employer"]
PERSON: Final = "person"
EMPLOYER: Final = "employer"
CUSTOMER_TYPES: Final[tuple[CustomerType, ...]] = (PERSON, EMPLOYER)
EVERYONE: Final = "both"
"""An audience of persons and employers."""

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
