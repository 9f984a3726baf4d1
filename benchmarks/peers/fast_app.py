"""FastAPI with pydantic around Arki's own recommend: `uvicorn fast_app:app --workers 2`."""

from __future__ import annotations

from typing import Annotated, Literal

from fastapi import FastAPI
from fastapi.responses import ORJSONResponse
from pydantic import BaseModel, ConfigDict, Field, create_model

from benchmarks.peers.own import answer, recommender


class LifeEvent(BaseModel):
    """Something that happened."""

    event: str
    months_ago: Annotated[int, Field(ge=0, le=24)]


def _type_of(signal):
    return {
        "count": Annotated[int, Field(ge=0, le=signal.maximum)],
        "yes_no": bool,
        "choice": Literal[tuple(signal.values)] if signal.values else str,
        "choices": Annotated[list[str], Field(max_length=signal.maximum)],
        "life_events": Annotated[list[LifeEvent], Field(max_length=signal.maximum)],
    }[signal.kind]


Signals = create_model(
    "Signals",
    __config__=ConfigDict(extra="forbid"),
    **{
        name: (_type_of(signal) | None, None)
        for name, signal in recommender().contract.signals["person"].items()
    },
)


class Request(BaseModel):
    """One customer."""

    model_config = ConfigDict(extra="forbid")
    customer_type: Literal["person"]
    language: Literal["fi", "sv", "en"] = "fi"
    signals: Signals
    as_of: str


app = FastAPI()


@app.post("/recommend")
async def recommend(request: Request) -> ORJSONResponse:
    """The recommendation for one customer."""
    return ORJSONResponse(answer(request.model_dump(exclude_unset=True)))


@app.get("/hello")
async def hello() -> dict[str, str]:
    """Nothing but the framework."""
    return {"hello": "world"}
