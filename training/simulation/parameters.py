"""What the simulated life courses stand on, each figure with its source; a figure without one says *assumption*.

What is observed of the courses (`population`, `conduct`, `employers`) has coefficients of its own, which are assumptions.

*Margin* followed by a name is a row of ``published/margins.csv``, which gives publication and year; *tuned* means set so
that such margins come out (``CALIBRATION.md`` says how near). Rows of tables by age follow `AGE_BANDS`; rows and columns of
tables by state follow `STATES`; a table by year holds 1 in every year it does not name. The codes of the vocabulary that the
simulation speaks of are `CODES`; a test holds them against the vocabulary that is shipped. Only `training` may import this.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

import numpy as np

CODES: Final[Mapping[str, tuple[str, ...]]] = {
    "life_events": tuple(f"KE{number}" for number in range(1, 15)),
    "children": ("KE1.1", "KE4.2"),
    "benefits": (
        "general_social_security_benefit", "housing_allowance", "pensioner_housing_allowance", "social_assistance",
        "sickness_allowance", "rehabilitation", "parental_allowance", "maternity_grant", "child_benefit",
        "child_home_care_allowance", "private_day_care_allowance", "flexible_care_allowance",
        "child_maintenance_allowance", "student_aid", "school_transport", "conscripts_allowance", "disability_allowance",
        "national_pension", "guarantee_pension", "survivors_pension", "medicine_reimbursements",
        "medical_care_reimbursements", "travel_reimbursements", "interpreter_services",
    ),
    "claim_kinds": (
        "sickness_allowance", "family_leave", "occupational_health_care", "annual_holiday_cost", "rehabilitation",
    ),
    "channels": ("omakela_message", "web_page", "chat", "phone_appointment", "service_point", "paper"),
}  # fmt: skip
"""By section of the vocabulary. The order is that of the random draws: a code that is moved makes another population."""
LIFE_EVENTS: Final = CODES["life_events"]
BENEFITS: Final = CODES["benefits"]
CLAIM_KINDS: Final = CODES["claim_kinds"]

STATES: Final = (
    "employed",
    "student",
    "unemployed",
    "family_leave",
    "ill",
    "disability_pension",
    "retired",
    "caring",
    "other",
)
(EMPLOYED, STUDENT, UNEMPLOYED, FAMILY_LEAVE, ILL, DISABILITY_PENSION, RETIRED, CARING, OTHER) = range(9)

BURN_IN_MONTHS: Final = 36  # assumption: long enough that few spells remember how they were started
WINDOW_MONTHS: Final = 24  # the signal contract looks back 24 months at most
LAST_MONTH: Final = (2026, 10)  # year and month in which the courses that are trained on end
ADULTS: Final = 4_581_646  # 2023, StatFin; margins age_
EMPLOYING_FIRMS: Final = 74_577  # 2024, StatFin in ek.fi

AGE_BANDS: Final = ("under 18", "18-24", "25-34", "35-44", "45-54", "55-64", "65-74", "75-84", "85+")
AGE_STARTS: Final = np.array([0, 18, 25, 35, 45, 55, 65, 75, 85])
AGE_LIMITS: Final = np.array([16, 18, 25, 35, 45, 55, 65, 75, 85, 98])
AGE_SHARES: Final = np.array([0.015, 0.095, 0.157, 0.161, 0.145, 0.157, 0.149, 0.101, 0.036])
"""Adults 2023 (StatFin); the 1.5 % of 16–17-year-olds who are customers themselves is an assumption."""

WOMEN_SHARE: Final = np.array([0.49, 0.49, 0.49, 0.49, 0.49, 0.50, 0.52, 0.57, 0.68])  # assumption
LANGUAGES: Final = ("fi", "sv", "other")
LANGUAGE_SHARES: Final = np.array([0.85, 0.05, 0.10])  # assumption, rounded general knowledge

INITIAL_SHARES: Final = np.array(
    [
        # employed, student, unemployed, family leave, ill, disability pension, retired, caring, other
        [0.02, 0.95, 0.00, 0.00, 0.000, 0.010, 0.00, 0.000, 0.020],
        [0.49, 0.324, 0.077, 0.005, 0.004, 0.016, 0.00, 0.003, 0.076],
        [0.690, 0.083, 0.092, 0.028, 0.008, 0.025, 0.00, 0.025, 0.055],
        [0.765, 0.033, 0.087, 0.016, 0.012, 0.033, 0.00, 0.018, 0.040],
        [0.800, 0.015, 0.085, 0.002, 0.016, 0.059, 0.00, 0.008, 0.030],
        [0.675, 0.005, 0.105, 0.000, 0.018, 0.144, 0.015, 0.010, 0.028],
        [0.070, 0.000, 0.005, 0.000, 0.001, 0.000, 0.905, 0.012, 0.007],
        [0.005, 0.000, 0.000, 0.000, 0.000, 0.000, 0.985, 0.010, 0.000],
        [0.000, 0.000, 0.000, 0.000, 0.000, 0.000, 1.000, 0.000, 0.000],
    ]
)
"""Employed, student, unemployed, disability pension, other: 2023 by age (lifecycle-rl; margins employed_ …). Family leave, ill and
caring lie inside the published *employed* and *other*; how much is an assumption. 65+: assumption."""

INITIAL_MONTHS: Final = {0: 60, 5: 110, 6: 100}
"""Mean months already spent in work, on disability pension and in retirement where the simulation begins: assumption. In
the other states the months are drawn from the state's own exit hazards, as spells that are under way have them."""

HAZARD_FROM_EMPLOYED: Final = np.array(
    [
        # to:   student, unemployed, ill, caring, other
        [0.03000, 0.00540, 0.00100, 0.00000, 0.01000],
        [0.01100, 0.00925, 0.00576, 0.00010, 0.00592],
        [0.00247, 0.00801, 0.00830, 0.00030, 0.00144],
        [0.00157, 0.00671, 0.00997, 0.00040, 0.00057],
        [0.00065, 0.00631, 0.01176, 0.00050, 0.00020],
        [0.00001, 0.00962, 0.01432, 0.00060, 0.00020],
        [0.00000, 0.00180, 0.00300, 0.00050, 0.00100],
        [0.00000, 0.00000, 0.00000, 0.00000, 0.00000],
        [0.00000, 0.00000, 0.00000, 0.00000, 0.00000],
    ]
)
"""Monthly. Unemployed: set so that the stock follows the 2023 shares with the exit rates below. Ill: 315,700 persons with
sickness allowance in 2022, women 60 %, two thirds 40 or older. The rest: assumption."""
FROM_EMPLOYED_TO: Final = (STUDENT, UNEMPLOYED, ILL, CARING, OTHER)
ILLNESS_BY_SEX: Final = np.array([0.75, 1.25])  # men, women; 40 / 60 % of recipients 2020

UNEMPLOYED_EXIT_13_WEEKS: Final = np.array([0.48, 0.38, 0.30, 0.29, 0.25, 0.22, 0.23, 0.28, 0.16, 0.12])
"""Share leaving unemployment per 13 weeks of its length (Kyyrä & Pesola 2019 in lifecycle-rl)."""
UNEMPLOYED_AGAIN: Final = 13.0
"""Times as likely to lose work within `RECENT_MONTHS` of the last unemployment; tuned: new_unemployment_benefit_."""
RECENT_MONTHS: Final = 12  # the published meaning of a new recipient: no payment in the 12 months before
UNEMPLOYED_EXIT_BY_STRAIN: Final = 0.25  # assumption: log hazard lost per unit of latent strain

ILL_EXIT: Final = np.array([0.54, 0.48, 0.36, 0.30, 0.25, 0.22, 0.18, 0.18, 0.18, 0.18, 0.25, 0.30])
"""Monthly, by months ill: about 48 days per recipient, allowance for at most about a year; shape assumption."""
FAMILY_LEAVE_EXIT_WOMEN: Final = np.array(
    [0.005] * 9 + [0.35]
)  # parental allowance of about 10 months, assumption
FAMILY_LEAVE_EXIT_MEN: Final = np.array(
    [0.45, 0.35, 0.30]
)  # 65,100 men on shorter leaves (2024), shape assumption
STUDENT_EXIT: Final = np.array(
    [0.00200, 0.03776, 0.04210, 0.06000, 0.08000, 0.12000, 0.20000, 0.20000, 0.20000]
)  # tuned: student_
CARING_EXIT: Final = np.array([0.1, 0.06, 0.050, 0.045, 0.03, 0.02, 0.01, 0.005, 0.005])
"""31 % of the 2021 home-care cohort stayed above a year (Kela); informal carers of 45+: assumption."""
OTHER_EXIT: Final = np.array(
    [0.05000, 0.09428, 0.08447, 0.08368, 0.10403, 0.10679, 0.10000, 0.10000, 0.10000]
)  # tuned: other_
SERVICE_MONTHS: Final = (6, 9, 12)  # conscripts: 165, 255 and 347 days (general knowledge)
SERVICE_SHARES: Final = (0.43, 0.13, 0.44)  # assumption
DISABILITY_EXIT: Final = 0.0008  # assumption
DISABILITY_INFLOW: Final = np.array(
    [0.00000, 0.00016, 0.00010, 0.00010, 0.00030, 0.00136, 0.00000, 0.00000, 0.00000]
)
"""Monthly, onto a disability pension, by age and times `DISABILITY_BY_STATE`; tuned: disability_pension_."""
DISABILITY_BY_STATE: Final = np.array([0.35, 0.3, 3.0, 0.2, 12.0, 0, 0, 1.0, 4.0])  # assumption

DESTINATIONS: Final = {
    # assumption throughout: where those who leave a state go, summing to 1
    STUDENT: {EMPLOYED: 0.78, UNEMPLOYED: 0.12, OTHER: 0.07, ILL: 0.03},
    UNEMPLOYED: {
        EMPLOYED: 0.79,
        STUDENT: 0.04,
        ILL: 0.06,
        OTHER: 0.07,
        CARING: 0.04,
    },
    FAMILY_LEAVE: {CARING: 0.74, EMPLOYED: 0.21, UNEMPLOYED: 0.03, STUDENT: 0.02},
    ILL: {EMPLOYED: 0.89, UNEMPLOYED: 0.08, OTHER: 0.03},
    DISABILITY_PENSION: {EMPLOYED: 0.8, OTHER: 0.2},
    CARING: {EMPLOYED: 0.78, UNEMPLOYED: 0.10, STUDENT: 0.07, OTHER: 0.05},
    OTHER: {EMPLOYED: 0.80, STUDENT: 0.10, UNEMPLOYED: 0.08, ILL: 0.02},
}
FATHERS_DESTINATIONS: Final = {EMPLOYED: 0.937, CARING: 0.023, UNEMPLOYED: 0.04}

RETIREMENT_BY_AGE: Final = {63: 0.02, 64: 0.06, 65: 0.25, 66: 0.15, 67: 0.15, 68: 0.10}  # assumption, monthly

# Monthly hazards of life events, by age band. Births 2023 about 43,000 (general knowledge) spread by age; the other rows
# are assumptions of the right order: about 25,000 persons divorce a year, a move every 4–20 years.
BIRTHS_WOMEN: Final = np.array([0, 0.0015, 0.0072, 0.0030, 0.0001, 0, 0, 0, 0])
BIRTHS_MEN: Final = np.array([0, 0.0007, 0.0058, 0.0039, 0.0005, 0, 0, 0, 0])
LEAVE_AFTER_BIRTH: Final = np.array([0.85, 0.97])  # men, women: 65,100 men, 77,900 women on allowance 2024
FATHERS_LATER_LEAVE: Final = (
    4,
    22,
)  # months of the youngest child in which fathers take a later leave; assumption
FATHERS_LATER_HAZARD: Final = 0.05  # monthly; tuned: parental_allowance_2024_men
PARENTS_SHARE: Final = np.array([0, 0.03, 0.40, 0.65, 0.35, 0.04, 0, 0, 0])
"""With a youngest child under 17 at the start; tuned: child_benefit_2022."""
YOUNGEST_CHILD_MONTHS: Final = np.array(
    [1, 30, 90, 190, 204, 204, 1, 1, 1]
)  # at most, drawn evenly; assumption
MOTHERS_DRAW: Final = 0.90  # child benefit is paid to one parent; tuned: child_benefit_2022
FATHERS_DRAW: Final = 0.10  # assumption
EVENT_HAZARDS: Final = {
    "KE4": np.array([0.003, 0.026, 0.017, 0.008, 0.005, 0.004, 0.003, 0.002, 0.002]),
    "KE5": np.array([0.0003, 0.0006, 0.0006, 0.0003, 0.0001, 0.0001, 0, 0, 0]),
    "KE6": np.array([0, 0.0001, 0.0010, 0.0008, 0.0003, 0.0002, 0, 0, 0]),
    "KE7": np.array([0, 0.0010, 0.0017, 0.0016, 0.0014, 0.0008, 0.0003, 0.0001, 0]),
    "KE14": np.array([0.0002, 0.0003, 0.0004, 0.0007, 0.0012, 0.0018, 0.0022, 0.0030, 0.0030]),
}
DEBT_HAZARD: Final = 0.0012  # assumption, times exp(strain)
SERIOUS_SHARE_OF_ILLNESS: Final = 0.10  # assumption: illness that the customer reports as KE11
SERIOUS_HAZARD_RETIRED: Final = 0.0012  # assumption
REHABILITATION_HAZARD: Final = np.array(
    [0.0002, 0.0006, 0.0008, 0.001, 0.001, 0.001, 0.0003, 0, 0]
)  # assumption
CONSCRIPTION_AGE: Final = (18, 20)
CONSCRIPTION_HAZARD: Final = 0.022  # men only; about two thirds of an age group, assumption

EVENT_INDEX: Final = {code: at for at, code in enumerate(LIFE_EVENTS)}
EVENT_RECORDED: Final = {
    # assumption: how often an event that happened is known to the channel that knows of events at all
    "KE1": 0.95, "KE2": 0.95, "KE3": 0.80, "KE4": 0.50, "KE5": 0.90, "KE6": 0.20, "KE7": 0.45, "KE8": 0.85,
    "KE9": 0.25, "KE10": 0.90, "KE11": 0.50, "KE12": 0.80, "KE13": 0.50, "KE14": 0.65,
}  # fmt: skip

# How much a change asks of everyday life (latent adjustment), before a lognormal size of each change; assumption.
SHAKE_BY_EVENT: Final = {
    "KE1": 1.15, "KE4": 0.20, "KE5": 1.40, "KE6": 0.15, "KE7": 1.10, "KE9": 0.55, "KE11": 0.90, "KE12": 0.40, "KE14": 0.65,
}  # fmt: skip
SHAKE_BY_NEW_STATE: Final = np.array([0.30, 0.80, 1.25, 0.10, 0.75, 0.90, 0.75, 0.55, 0.65])
SHAKE_SIZE_SIGMA: Final = 0.45
SHAKE_BACK_TO_WORK: Final = 0.15  # from a short illness or family leave
ADJUSTMENT_KEPT: Final = np.array([0.80, 0.82, 0.89, 0.88, 0.88, 0.84, 0.82, 0.84, 0.86])  # monthly, by state
ADJUSTMENT_BY_STRAIN: Final = 0.020  # more of it kept per unit of strain
ADJUSTMENT_BY_CAPABILITY: Final = -0.020

STRAIN_KEPT: Final = 0.95
STRAIN_NOISE: Final = 0.15
STRAIN_TRAIT: Final = (-0.25, 0.62)  # mean and deviation over persons
STRAIN_BY_STATE: Final = np.array(
    [-0.010, 0.002, 0.030, 0.004, 0.030, 0.026, -0.010, 0.008, 0.022]
)  # monthly push
STRAIN_BY_ASSISTANCE: Final = 0.030
STRAIN_BY_EVENT: Final = {
    "KE1": 0.12, "KE5": 0.30, "KE7": 0.45, "KE8": 0.30, "KE9": 0.55, "KE11": 0.60, "KE14": 0.40,
}  # fmt: skip
CAPABILITY_KEPT: Final = 0.97
CAPABILITY_NOISE: Final = 0.06
CAPABILITY_TRAIT_SIGMA: Final = 0.65
CAPABILITY_BY_AGE: Final = np.array([0.10, 0.25, 0.45, 0.40, 0.25, 0.00, -0.35, -0.85, -1.30])
CAPABILITY_BY_LANGUAGE: Final = np.array([0.0, 0.0, -0.45])
CAPABILITY_BY_SERIOUS_ILLNESS: Final = -0.20
# Strain and capability: the whole block is assumption; nothing published measures either.

ASSISTED_AT_START: Final = np.array(
    [0.003, 0.02, 0.17, 0.02, 0.03, 0.02, 0.002, 0.06, 0.20]
)  # assumption, by state
ASSISTANCE_ENTRY: Final = np.array(
    [0.00054, 0.00353, 0.01834, 0.00217, 0.00421, 0.00149, 0.00014, 0.00557, 0.01834]
)
"""Monthly, by state, times exp(0.45 strain); tuned: social_assistance_."""
ASSISTANCE_EXIT: Final = np.array([0.46, 0.37, 0.28, 0.20, 0.16, 0.14, 0.13, 0.12, 0.10, 0.08, 0.07, 0.06])
"""By month of the spell, times exp(-0.35 strain); tuned: social_assistance_1_3_months …"""
ASSISTED_AGAIN: Final = (
    30.0  # times as likely to begin within `RECENT_MONTHS` of the last; tuned: new_basic_social_assistance_
)
ASSISTANCE_ENTRY_BY_STRAIN: Final = 0.45
ASSISTANCE_EXIT_BY_STRAIN: Final = -0.35
ASSISTANCE_EXIT_EMPLOYED: Final = 2.5  # assumption
ADULTS_PER_ASSISTED_HOUSEHOLD: Final = 1.09
"""2024–25: 249,600 households, 356,400 persons, 62 % live alone, under 46,500 families of about 1.8 children (assumption)."""

FUND_MEMBER: Final = 0.526
"""Unemployed with earnings-related benefit, paid by a fund and not seen by Kela, until `FUND_MONTHS`; tuned:
unemployment_2024_earnings_related."""
FUND_MONTHS: Final = 16  # assumption: at most 400 benefit days and waiting time
BASIC_ALLOWANCE_SHARE: Final = 0.30  # tuned: unemployment_2024_basic
BASIC_ALLOWANCE_MONTHS: Final = 18  # 400 benefit days (general knowledge)
GENERAL_BENEFIT_FROM: Final = (2026, 5)  # yleistuki replaced labour market support and basic allowance
STUDENTS_LEFT_HOUSING_ALLOWANCE: Final = (2025, 8)  # to the study housing supplement

UPTAKE: Final = {
    # benefit -> share of those in each state who have it (fixed inclination per person); tuned to the margins of the same
    # names where there are any, else assumption.
    "general_social_security_benefit": np.array([0.008, 0.0, 0.95, 0.0, 0.0, 0.0, 0.0, 0.05, 0.10]),
    "housing_allowance": np.array([0.013, 0.64, 0.41, 0.10, 0.08, 0.0, 0.0, 0.15, 0.10]),
    "pensioner_housing_allowance": np.array([0.0, 0.0, 0.0, 0.0, 0.0, 0.42, 0.104, 0.0, 0.0]),
    "sickness_allowance": np.array([0.0, 0.0, 0.0, 0.0, 0.96, 0.0, 0.0, 0.0, 0.0]),
    "parental_allowance": np.array([0.0, 0.0, 0.0, 0.98, 0.0, 0.0, 0.0, 0.0, 0.0]),
    "child_home_care_allowance": np.array([0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.97, 0.0]),
    "student_aid": np.array([0.0, 0.66, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0]),
    "national_pension": np.array([0.0, 0.0, 0.0, 0.0, 0.0, 0.62, 0.38, 0.0, 0.0]),
    "guarantee_pension": np.array([0.0, 0.0, 0.0, 0.0, 0.0, 0.25, 0.05, 0.0, 0.0]),
    "disability_allowance": np.array([0.002, 0.002, 0.003, 0.002, 0.004, 0.15, 0.135, 0.004, 0.005]),
    "medicine_reimbursements": np.array([0.30, 0.15, 0.30, 0.45, 0.60, 0.85, 0.93, 0.40, 0.35]),
}
SUPPLEMENT_KEPT: Final = (
    0.88  # assumption: students with housing allowance who got the supplement instead; tuned
)
HOUSING_KEPT_MONTHS: Final = (
    2  # of work after study or unemployment; tuned: housing_allowance_working, new_general_housing_
)
CONSCRIPTS_ALLOWANCE: Final = 0.25  # assumption: share of those who serve
SMALL_REIMBURSEMENTS: Final = {
    "medical_care_reimbursements": (0.02, 0.35),
    "travel_reimbursements": (0.012, 0.35),
}
"""Benefit -> monthly hazard of starting and ending; the everyday coming and going that means no change. Assumption."""
BY_YEAR: Final = {
    # assumption where no margin is named
    "unemployment_inflow": {
        2020: 1.35,
        2021: 0.80,
        2022: 0.80,
        2024: 0.93,
        2025: 0.80,
        2026: 0.80,
    },  # unemployment_
    "unemployment_exit": {
        2020: 0.90,
        2021: 1.05,
        2022: 1.12,
        2023: 0.97,
        2024: 0.88,
        2025: 0.80,
        2026: 0.80,
    },  # unemployed_2025_
    "assistance_entry": {
        2019: 0.98,
        2020: 0.87,
        2021: 0.82,
        2022: 0.74,
        2024: 0.85,
        2025: 0.88,
        2026: 0.85,
    },  # social_assistance_
    "home_care": {2024: 0.88, 2025: 0.83, 2026: 0.82},  # child_home_care_
    "births": {2020: 1.03, 2021: 1.06},  # parental_allowance_
    "phone": {},
    "visits": {
        2015: 1.06,
        2020: 0.45,
        2021: 0.50,
        2022: 0.60,
        2023: 0.65,
        2024: 0.65,
        2025: 0.65,
        2026: 0.65,
    },
    "log_ins": {2020: 1.15, 2021: 1.2, 2022: 1.25, 2023: 1.25, 2024: 1.25, 2025: 1.25, 2026: 1.25},
}
INCOME_SUPPORT: Final = (
    "general_social_security_benefit",
    "sickness_allowance",
    "rehabilitation",
    "parental_allowance",
    "child_home_care_allowance",
)
"""What `months_on_income_support` counts, beside social assistance and the pension of a person on disability pension.
Old-age pensions and student aid are not counted: neither stands for earnings that were interrupted."""
MATTERS: Final = (
    "assistance",
    "unemployment",
    "housing",
    "sickness",
    "student",
    "family",
    "pension",
    "refunds",
)
MATTERS_OF_BENEFIT: Final = {
    # benefit -> kind of matter, applications when it begins, applications a month while it runs. The first four tuned:
    # applications_; the rest assumption. `refunds` are claims of small sums and the monthly notices of the unemployed.
    "social_assistance": ("assistance", 0.75, 0.72),
    "general_social_security_benefit": ("unemployment", 1.0, 0.04),
    "housing_allowance": ("housing", 1.0, 0.095),
    "sickness_allowance": ("sickness", 1.0, 0.55),
    "student_aid": ("student", 1.0, 0.12),
    "parental_allowance": ("family", 1.3, 0.03),
    "child_home_care_allowance": ("family", 1.0, 0.03),
    "maternity_grant": ("family", 0.6, 0.0),
    "child_benefit": ("family", 0.8, 0.002),
    "conscripts_allowance": ("family", 1.0, 0.02),
    "rehabilitation": ("pension", 1.0, 0.10),
    "national_pension": ("pension", 1.0, 0.004),
    "guarantee_pension": ("pension", 1.0, 0.004),
    "pensioner_housing_allowance": ("pension", 1.0, 0.05),
    "disability_allowance": ("pension", 1.0, 0.02),
    "medical_care_reimbursements": ("refunds", 1.0, 0.3),
    "travel_reimbursements": ("refunds", 1.0, 0.3),
}
NOTICES_WHILE_UNEMPLOYED: Final = 0.95  # a month (general knowledge: a notice each four weeks)
REFUNDS_EVERYONE: Final = 0.10  # a month; tuned: applications_2018_per_adult
CONTACT_WEIGHT: Final = np.array([1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 0.12])
"""How much contact a matter of each kind calls for; a refund or a notice little. Assumption."""
HELP_BY_STRAIN: Final = 0.45  # assumption, this line and the next
HELP_BY_CAPABILITY: Final = -0.45
CONTACT_RATES: Final = {
    # signal -> always in 90 days, per matter that calls for contact; tuned: log_ins_, phone_, visits_; chat: assumption
    "omakela_logins_90d": (0.51, 2.05),
    "phone_contacts_90d": (0.013, 0.14),
    "service_point_visits_90d": (0.034, 0.135),
    "chat_contacts_90d": (0.005, 0.08),
}
CONTACT_SHAPES: Final = {
    # assumption: shape of the gamma that makes counts uneven between persons; smaller is more uneven
    "omakela_logins_90d": 0.9,
    "phone_contacts_90d": 0.8,
    "service_point_visits_90d": 0.7,
    "chat_contacts_90d": 0.6,
}
ONLINE_BY_CAPABILITY: Final = 1.3  # assumption
ONLINE_LOGIT_2018: Final = np.array([0.75, 1.35, 1.35, 0.9, 1.78, 1.8, 0.5, 0.8])
"""Of a person of capability 0, by kind of matter; tuned: online_2018_ (69 % social assistance, 80 % unemployment and housing,
85 % student and family, 91 % parental); sickness, pension and refunds: assumption, the total tuned: online_2018."""
ONLINE_GROWTH: Final = {2014: -0.85, 2015: -0.50, 2016: -0.30, 2017: -0.16, 2018: 0, 2019: 0.08, 2020: 0.24, 2021: 0.44,
                        2022: 0.66, 2023: 0.72, 2024: 0.76, 2025: 0.80, 2026: 0.84}  # fmt: skip
"""Logit beside 2018; tuned: online_, online_by_region_; from 2023 assumption."""
ONLINE_GROWTH_TO_2018: Final = np.array([2.7, 1.5, 1.5, 1.0, 1.0, 1.0, 1.0, 1.0])
"""Times the growth before 2018, by kind of matter; tuned: online_2017_assistance, online_2017_housing."""
ATTACHMENTS_PER_APPLICATION: Final = np.array([2.3, 1.0, 2.0, 1.2, 0.8, 0.9, 1.0, 1.05])
"""Tuned: attachments_2017_per_application; the differences between kinds: assumption."""
SEASON_STUDENT: Final = np.array([0.8, 0.6, 0.6, 0.7, 1.1, 1.4, 1.6, 2.2, 1.3, 0.7, 0.5, 0.5])
"""By calendar month; assumption. The four kinds above it: mean of 2019 and 2021 in published/applications_weekly.csv."""

BENEFIT_INDEX: Final = {name: at for at, name in enumerate(BENEFITS)}
