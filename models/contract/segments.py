"""The life-situation segments: Kela's own names and definitions, in the words citizens may read.

References
----------
Kela, *Asiakasymmärrys* (kela.fi/asiakasymmarrys, updated 13.6.2025). Kela publishes three personal segments and small
and large employers; it names five personal and three employer groups, the rest of which are not public.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Final


class Segment(StrEnum):
    """An inferred life situation; the member is the wire value. `employer` is known from the request, never inferred."""

    STEADY = "steady"  # tasainen arki
    CHANGING = "changing"  # muuttuva arki
    SUPPORTED = "supported"  # tuettava arki
    EMPLOYER = "employer"  # työnantaja


PERSON_SEGMENTS: Final = (Segment.STEADY, Segment.CHANGING, Segment.SUPPORTED)
"""What the classifier infers, in the order of every probability row."""
