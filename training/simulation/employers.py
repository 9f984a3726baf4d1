"""Simulated employers in the signal contract, by firm size; their segment is known, so nothing here is learnt from.

References
----------
Firm sizes: 96 % micro, 0.1 % large, 74,577 employing firms in 2024; the split 93.4/5.5/0.9/0.2 % of 2012 (ek.fi, StatFin); set to
the staff of firms with 10–49 and 50–249 employees (published/margins.csv). All
other figures are assumptions.
"""

from __future__ import annotations

from typing import Final

import numpy as np
import pyarrow as pa

from training.files import LIST_TYPE
from training.simulation.parameters import CLAIM_KINDS

SIZE_LIMITS: Final = np.array([1, 10, 50, 250, 5000])
SIZE_SHARES: Final = np.array([0.795, 0.167, 0.0325, 0.0055])
"""Of *employing* firms: the 2024 split of all firms less those with no staff; assumption on top of the published split."""


def employers(n_employers: int, rng: np.random.Generator) -> pa.Table:
    """Simulate employers.

    Returns
    -------
    pyarrow.Table
        customer_ref, customer_type, every employer signal (null is unknown) and the known segment.
    """
    n = n_employers
    size = rng.choice(4, size=n, p=SIZE_SHARES)
    low, high = SIZE_LIMITS[size], SIZE_LIMITS[size + 1]
    staff = np.floor(low * (high / low) ** rng.random(n)).astype(np.int64)
    claims = rng.poisson(0.12 * staff * rng.gamma(0.8, 1.25, n))
    online = rng.binomial(
        claims, np.where(rng.random(n) < 0.73, 0.97, 0.3)
    )  # 73 % used e-services in 2015 (Tilisanomat 12/2015)
    kinds = (rng.random((n, len(CLAIM_KINDS))) < np.array([0.7, 0.35, 0.25, 0.2, 0.05])) & (claims > 0)[
        :, None
    ]
    offsets = np.concatenate([[0], np.cumsum(kinds.sum(axis=1))]).astype(np.int32)
    kinds_known = rng.random(n) < 0.7
    kinds_array = pa.ListArray.from_arrays(
        pa.array(offsets), pa.array(np.array(CLAIM_KINDS)[np.nonzero(kinds)[1]]), type=LIST_TYPE
    ).to_pylist()

    def observed(values: np.ndarray[tuple[int], np.dtype[np.generic]], share: float) -> pa.Array:
        return pa.array(values, mask=rng.random(n) >= share)

    is_open = (claims > 0) & (rng.random(n) < 0.2)
    return pa.table(
        {
            "customer_ref": pa.array([f"E{at:07d}" for at in range(n)]),
            "customer_type": pa.array(["employer"] * n),
            "employees": observed(staff, 0.9),
            "claims_12m": observed(claims, 0.9),
            "claims_online_12m": observed(online, 0.8),
            "claims_returned_12m": observed(rng.binomial(claims, 0.12), 0.7),
            "late_claims_12m": observed(rng.binomial(claims, 0.06), 0.7),
            "claim_kinds": pa.array(
                [kind if known else None for kind, known in zip(kinds_array, kinds_known, strict=True)],
                LIST_TYPE,
            ),
            "first_claim": observed((claims == 0) & (rng.random(n) < 0.3), 0.6),
            "uses_employer_service": observed(rng.random(n) < np.array([0.55, 0.85, 0.95, 0.99])[size], 0.7),
            "uses_incomes_register": observed(rng.random(n) < np.array([0.05, 0.15, 0.3, 0.5])[size], 0.6),
            "phone_contacts_90d": observed(rng.poisson(0.02 + 0.03 * claims**0.7), 0.7),
            "open_matter": pa.array(rng.choice(CLAIM_KINDS, n), mask=~is_open),
            "personalisation": pa.array(["allowed"] * n, mask=rng.random(n) >= 0.5),
            "segment": pa.array(["employer"] * n),
        }
    )
