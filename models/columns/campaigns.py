"""Which campaign each of many customers meets on a day; the column form of `models.decision.campaigns`.

Never imported by the serving process.
"""

from __future__ import annotations

from datetime import date

import numpy as np

from models.columns.facts import FactColumns
from models.columns.group_counts import further_lookups
from models.columns.groups import condition_test
from models.columns.signals import Codes
from models.contract.codes import CustomerType
from models.decision.campaigns import HARD_EVENT
from models.decision.recommender import Recommender


class CampaignColumns:
    """The campaigns that run for one customer type on a day.

    Attributes
    ----------
    running : tuple of Campaign
        In the order in which they count.
    """

    def __init__(self, recommender: Recommender, customer_type: CustomerType, day: date) -> None:
        facts, campaigns = recommender.facts, recommender.rulebook.campaigns
        self.running = tuple(campaigns.running(customer_type, day))
        values = {fact.name: fact.values for fact in facts.of[customer_type]}
        groups = facts.vocabulary.groups
        self._tests = [
            [condition_test(groups[code].when, values, groups) for code in campaign.groups]
            for campaign in self.running
        ]
        self._is_hard = np.array([value in campaigns.hard for value in values.get(HARD_EVENT, ())], bool)

    def of(self, part: FactColumns) -> Codes:
        """For each customer 0 for no campaign, else 1 and on the position in `running`."""
        met = np.zeros(len(part.rows), np.int32)
        spared = part.neutral.copy()
        within = np.zeros((len(self.running), len(part.rows)), bool)
        everybody = np.arange(len(part.rows))
        for who, facts in ((everybody, part.lookup(part.first)), *further_lookups(part)):
            if len(self._is_hard):
                spared[who] |= self._is_hard[facts[HARD_EVENT]]
            for at, tests in enumerate(self._tests):
                within[at, who] |= np.logical_or.reduce([test(facts) for test in tests])
        for at in range(len(self.running) - 1, -1, -1):
            met[within[at] & ~spared] = at + 1
        return met
