"""Every figure the simulated population stands on, with its source; a figure without one says *assumption*.

FACTS means the project's sheet of public figures, §1–2, which names the publication and year of each figure. Rows of tables by age
follow `AGE_BANDS`; rows and columns of tables by state follow `STATES`. Only `training` may import this.
"""

from __future__ import annotations

from typing import Final

import numpy as np

from models.codes import BENEFITS, LIFE_EVENTS

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

AGE_BANDS: Final = ("under 18", "18-24", "25-34", "35-44", "45-54", "55-64", "65-74", "75-84", "85+")
AGE_STARTS: Final = np.array([0, 18, 25, 35, 45, 55, 65, 75, 85])
AGE_LIMITS: Final = np.array([16, 18, 25, 35, 45, 55, 65, 75, 85, 98])
AGE_SHARES: Final = np.array([0.015, 0.095, 0.157, 0.161, 0.145, 0.157, 0.149, 0.101, 0.036])
"""Adults 2023 (StatFin, FACTS §2); the 1.5 % of 16–17-year-olds who are customers themselves is an assumption."""

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
"""Employed, student, unemployed, disability pension, other: 2023 by age (lifecycle-rl, FACTS §2). Family leave, ill and
caring lie inside the published *employed* and *other*; how much is an assumption. 65+: assumption."""

INITIAL_MONTHS: Final = np.array([60, 20, 11, 6, 2, 110, 100, 14, 10])
"""Mean months already spent in the state where the simulation begins; assumption, forgotten during burn-in."""

HAZARD_FROM_EMPLOYED: Final = np.array(
    [
        # to:   student, unemployed, ill, caring, other
        [0.0300, 0.0060, 0.0010, 0.0000, 0.0100],
        [0.0110, 0.0205, 0.0045, 0.0001, 0.0090],
        [0.0028, 0.0138, 0.0065, 0.0003, 0.0030],
        [0.0011, 0.0120, 0.0078, 0.0004, 0.0016],
        [0.0005, 0.0108, 0.0092, 0.0005, 0.0011],
        [0.0001, 0.0135, 0.0112, 0.0006, 0.0012],
        [0.0000, 0.0020, 0.0030, 0.0005, 0.0010],
        [0.0000, 0.0000, 0.0000, 0.0000, 0.0000],
        [0.0000, 0.0000, 0.0000, 0.0000, 0.0000],
    ]
)
"""Monthly. Unemployed: set so that the stock follows the 2023 shares with the exit rates below. Ill: 315,700 persons with
sickness allowance in 2022, women 60 %, two thirds 40 or older (FACTS §2). The rest: assumption."""
FROM_EMPLOYED_TO: Final = (STUDENT, UNEMPLOYED, ILL, CARING, OTHER)
ILLNESS_BY_SEX: Final = np.array([0.8, 1.2])  # men, women; 40 / 60 % of recipients 2020 (FACTS §2)

UNEMPLOYED_EXIT_13_WEEKS: Final = np.array([0.48, 0.38, 0.30, 0.29, 0.25, 0.22, 0.23, 0.28, 0.16, 0.12])
"""Share leaving unemployment per 13 weeks of its length (Kyyrä & Pesola 2019 in lifecycle-rl, FACTS §2)."""
UNEMPLOYED_EXIT_BY_STRAIN: Final = 0.25  # assumption: log hazard lost per unit of latent strain

ILL_EXIT: Final = np.array([0.45, 0.40, 0.25, 0.25, 0.20, 0.20, 0.15, 0.15, 0.15, 0.15, 0.25, 0.30])
"""Monthly, by months ill: about 48 days per recipient, allowance for at most about a year (FACTS §2); shape assumption."""
FAMILY_LEAVE_EXIT_WOMEN: Final = np.array(
    [0.005] * 9 + [0.35]
)  # parental allowance of about 10 months, assumption
FAMILY_LEAVE_EXIT_MEN: Final = np.array(
    [0.45, 0.35, 0.30]
)  # 65,100 men on shorter leaves (2024), shape assumption
STUDENT_EXIT: Final = np.array([0.002, 0.026, 0.038, 0.060, 0.080, 0.120, 0.2, 0.2, 0.2])  # assumption
CARING_EXIT: Final = np.array([0.1, 0.06, 0.055, 0.05, 0.03, 0.02, 0.01, 0.005, 0.005])
"""31 % of the 2021 home-care cohort stayed above a year (FACTS §2); informal carers of 45+: assumption."""
OTHER_EXIT: Final = np.array([0.05, 0.07, 0.05, 0.04, 0.03, 0.03, 0.1, 0.1, 0.1])  # assumption
DISABILITY_EXIT: Final = 0.0008  # assumption

DESTINATIONS: Final = {
    # assumption throughout: where those who leave a state go, summing to 1
    STUDENT: {EMPLOYED: 0.76, UNEMPLOYED: 0.14, OTHER: 0.07, ILL: 0.03},
    UNEMPLOYED: {
        EMPLOYED: 0.79,
        STUDENT: 0.04,
        ILL: 0.06,
        OTHER: 0.07,
        CARING: 0.015,
        DISABILITY_PENSION: 0.025,
    },
    FAMILY_LEAVE: {CARING: 0.70, EMPLOYED: 0.22, UNEMPLOYED: 0.05, STUDENT: 0.03},
    ILL: {EMPLOYED: 0.88, UNEMPLOYED: 0.08, OTHER: 0.03, STUDENT: 0.01},
    DISABILITY_PENSION: {EMPLOYED: 0.8, OTHER: 0.2},
    CARING: {EMPLOYED: 0.70, UNEMPLOYED: 0.18, STUDENT: 0.07, OTHER: 0.05},
    OTHER: {EMPLOYED: 0.66, STUDENT: 0.10, UNEMPLOYED: 0.22, ILL: 0.02},
}
LONG_ILLNESS_MONTHS: Final = 9  # assumption: from here illness may end in a disability pension
FATHERS_DESTINATIONS: Final = {EMPLOYED: 0.93, CARING: 0.03, UNEMPLOYED: 0.04}
LONG_ILLNESS_DESTINATIONS: Final = {EMPLOYED: 0.40, DISABILITY_PENSION: 0.40, UNEMPLOYED: 0.15, OTHER: 0.05}

RETIREMENT_BY_AGE: Final = {63: 0.02, 64: 0.06, 65: 0.25, 66: 0.15, 67: 0.15, 68: 0.10}  # assumption, monthly

# Monthly hazards of life events, by age band. Births 2023 about 43,000 (general knowledge) spread by age; the other rows
# are assumptions of the right order: about 25,000 persons divorce a year, a move every 4–20 years.
BIRTHS_WOMEN: Final = np.array([0, 0.0013, 0.0062, 0.0026, 0.0001, 0, 0, 0, 0])
BIRTHS_MEN: Final = np.array([0, 0.0006, 0.0050, 0.0034, 0.0004, 0, 0, 0, 0])
LEAVE_AFTER_BIRTH: Final = np.array(
    [0.70, 0.93]
)  # men, women: 65,100 men, 77,900 women on allowance 2024 (FACTS §2)
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

ASSISTANCE_ENTRY: Final = np.array([0.0008, 0.0050, 0.0260, 0.0030, 0.0060, 0.0022, 0.0002, 0.0080, 0.0260])
"""Monthly, by state, times exp(0.45 strain): set to 6.3 % of persons within 2024 (FACTS §2)."""
ASSISTANCE_EXIT: Final = np.array([0.25, 0.21, 0.17, 0.13, 0.11, 0.10, 0.09, 0.08, 0.07, 0.06, 0.05, 0.045])
"""By month of the spell, times exp(-0.35 strain): within 2023 1–3 months 41 %, 4–9 31 %, 10–12 28 % (THL, FACTS §2)."""
ASSISTANCE_ENTRY_BY_STRAIN: Final = 0.45
ASSISTANCE_EXIT_BY_STRAIN: Final = -0.35
ASSISTANCE_EXIT_EMPLOYED: Final = 2.5  # assumption

FUND_MEMBER: Final = 0.45
"""Unemployed with earnings-related benefit, paid by a fund and not seen by Kela: 122,512 of 334,068 end-2024 (FACTS §2),
more of the new ones, who reach Kela's benefit after `FUND_MONTHS`."""
FUND_MONTHS: Final = 16  # assumption: at most 400 benefit days and waiting time

UPTAKE: Final = {
    # benefit -> share of those in each state who have it (fixed inclination per person); assumption of the order of
    # FACTS §2: housing allowance 239,000 households (10/2025), student aid 293,600 (2020/21), pensioners' housing
    # 213,183 (2020), care allowance for pensioners 206,700 (2021).
    "general_social_security_benefit": np.array([0.02, 0.0, 0.93, 0.0, 0.0, 0.0, 0.0, 0.05, 0.10]),
    "housing_allowance": np.array([0.02, 0.05, 0.38, 0.10, 0.08, 0.0, 0.0, 0.15, 0.25]),
    "pensioner_housing_allowance": np.array([0.0, 0.0, 0.0, 0.0, 0.0, 0.42, 0.12, 0.0, 0.0]),
    "sickness_allowance": np.array([0.0, 0.0, 0.0, 0.0, 0.96, 0.0, 0.0, 0.0, 0.0]),
    "parental_allowance": np.array([0.0, 0.0, 0.0, 0.98, 0.0, 0.0, 0.0, 0.0, 0.0]),
    "child_home_care_allowance": np.array([0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.80, 0.0]),
    "student_aid": np.array([0.0, 0.78, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0]),
    "conscripts_allowance": np.array([0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.03]),
    "national_pension": np.array([0.0, 0.0, 0.0, 0.0, 0.0, 0.62, 0.38, 0.0, 0.0]),
    "guarantee_pension": np.array([0.0, 0.0, 0.0, 0.0, 0.0, 0.25, 0.05, 0.0, 0.0]),
    "disability_allowance": np.array([0.004, 0.004, 0.01, 0.004, 0.02, 0.15, 0.13, 0.01, 0.02]),
    "medicine_reimbursements": np.array([0.35, 0.20, 0.35, 0.40, 0.60, 0.80, 0.80, 0.40, 0.25]),
}
SMALL_REIMBURSEMENTS: Final = {
    "medical_care_reimbursements": (0.03, 0.35),
    "travel_reimbursements": (0.012, 0.35),
}
"""Benefit -> monthly hazard of starting and ending; the everyday coming and going that means no change. Assumption."""
INCOME_SUPPORT: Final = (
    "general_social_security_benefit",
    "sickness_allowance",
    "rehabilitation",
    "parental_allowance",
    "child_home_care_allowance",
)
"""What `months_on_income_support` counts, beside social assistance and the pension of a person on disability pension.
Old-age pensions and student aid are not counted: neither stands for earnings that were interrupted."""
BENEFIT_INDEX: Final = {name: at for at, name in enumerate(BENEFITS)}
