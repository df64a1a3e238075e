"""What is sent and answered, as types: FastAPI checks by them, and describes the endpoint by them."""

from datetime import date
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, Strict, model_validator

from likely_buyers.serving.events import Event, LeftOut

Number = Annotated[float, Strict()]
"""Whole numbers count, texts and truth values do not. NaN, which MLflow's clients send, is a missing value."""
Cell = Number | None
MOST_ROWS = 10_000


class Strictly(BaseModel):
    """A body without keys that nobody reads."""

    model_config = ConfigDict(extra="forbid")


class Problem(BaseModel):
    """Why there is no answer. `error` and `message` say the same: Open Inference has the one, MLflow the other."""

    error_code: str = Field(examples=["BAD_REQUEST"])
    message: str
    error: str


class Split(Strictly):
    """A frame as pandas' `to_dict(orient="split")`."""

    columns: list[str] = Field(max_length=5_000)
    data: list[list[Cell]] = Field(max_length=MOST_ROWS)
    index: list[Any] | None = None


class Invocation(Strictly):
    """MLflow's scoring protocol: features in one of its forms."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={
            "oneOf": [
                {"required": [name], "properties": {name: {"not": {"type": "null"}}}}
                for name in ("dataframe_split", "dataframe_records", "inputs")
            ],
            # of more features than these
            "examples": [
                {
                    "dataframe_split": {
                        "columns": ["purchase_days", "days_since_last_purchase"],
                        "data": [[3.0, 12.0], [0.0, None]],
                    },
                    "params": {"outcome": "purchase_30d"},
                },
                {"dataframe_records": [{"purchase_days": 3.0, "days_since_last_purchase": 12.0}]},
                {"inputs": {"purchase_days": [3.0], "days_since_last_purchase": [12.0]}},
            ],
        },
    )

    dataframe_split: Split | None = None
    dataframe_records: list[dict[str, Cell]] | None = Field(None, max_length=MOST_ROWS)
    inputs: dict[str, list[Cell]] | list[list[Cell]] | list[dict[str, Cell]] | None = Field(
        None, description="Columns by name, rows in the order of the features, or rows by name."
    )
    params: dict[str, str] | None = Field(
        None,
        description="`outcome`: whose model is meant; the first outcome's where it is left out.",
        examples=[{"outcome": "purchase_30d"}],
    )

    @model_validator(mode="after")
    def _one_form(self) -> "Invocation":
        given = [self.dataframe_split, self.dataframe_records, self.inputs]
        if sum(one is not None for one in given) != 1:
            raise ValueError(
                "expected exactly one of dataframe_split, dataframe_records and inputs"
            )
        return self


class Prediction(BaseModel):
    """One row's."""

    probability: float


class Predictions(BaseModel):
    """`as_of` is the day up to which the model learned: that of the features is the caller's."""

    predictions: list[Prediction]
    model: str
    version: int
    as_of: date


class Tensor(Strictly):
    """A tensor of Open Inference: all features as (rows, features), or a feature as (rows,) or (rows, 1)."""

    name: str
    shape: list[Annotated[int, Field(ge=0)]] = Field(min_length=1, max_length=2)
    datatype: Literal["FP64", "FP32", "INT64", "INT32", "INT16", "INT8"]
    data: list[Cell] | list[list[Cell]] = Field(max_length=1_000_000)
    parameters: dict[str, Any] | None = None


class OutputAsked(Strictly):
    """The one output there is."""

    name: Literal["probability"]
    parameters: dict[str, Any] | None = None


class Inference(Strictly):
    """A request of Open Inference V2."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={
            "examples": [
                {
                    "id": "1",
                    "inputs": [
                        {
                            "name": "purchase_days",
                            "shape": [1, 1],
                            "datatype": "FP64",
                            "data": [3.0],
                        }
                    ],
                }
            ]
        },
    )

    id: str | None = None
    inputs: list[Tensor] = Field(min_length=1, max_length=5_000)
    outputs: list[OutputAsked] | None = None
    parameters: dict[str, Any] | None = None


class OutputTensor(BaseModel):
    """Probabilities (rows, 1)."""

    name: Literal["probability"] = "probability"
    shape: list[int]
    datatype: Literal["FP64"] = "FP64"
    data: list[float]


class Inferred(BaseModel):
    """An answer of Open Inference V2; `parameters` has as_of, the day up to which the model learned."""

    model_name: str
    model_version: str
    id: str | None = None
    parameters: dict[str, Any]
    outputs: list[OutputTensor]


class ServerMetadata(BaseModel):
    """What this is."""

    name: str
    version: str
    extensions: list[str]


class TensorMetadata(BaseModel):
    """What a tensor must be."""

    name: str
    datatype: str
    shape: list[int]


class ModelMetadata(BaseModel):
    """A model's tensors: one for each feature."""

    name: str
    versions: list[str]
    platform: str
    inputs: list[TensorMetadata]
    outputs: list[TensorMetadata]


class Listed(BaseModel):
    """A user's place in the list of an outcome."""

    rank: int
    percentile: float
    decile: int
    lift: float | None
    expected_revenue: float | None


class Reason(BaseModel):
    """Why a listed user is likely to buy."""

    feature: str
    value: float | None
    reason: str | None


class StoredScore(BaseModel):
    """What the build said."""

    outcome: str
    probability: float
    horizon_days: int
    as_of: date
    model: str
    version: int
    listed: Listed | None = Field(description="null of who is not in the list.")
    reasons: list[Reason]


class Campaign(BaseModel):
    """A campaign that the user is in, and in which arm."""

    campaign: str
    arm: str
    rank: int | None
    start_date: date | None


class StoredUser(BaseModel):
    """A user as the last build left them."""

    user_id: str
    as_of: date
    build_id: str
    scores: list[StoredScore]
    campaigns: list[Campaign]


class Today(Strictly):
    """What a user did since the build."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={
            "examples": [
                {
                    "events": [
                        {
                            "event_time": "2020-02-28T09:30:00Z",
                            "event_type": "view",
                            "product_id": "p7",
                        },
                        {
                            "event_time": "2020-02-28T09:31:00Z",
                            "event_type": "cart",
                            "product_id": "p7",
                        },
                    ]
                },
                {},
            ]
        },
    )

    events: list[Event] = Field(default_factory=list, max_length=5_000)
    as_of: date | None = Field(
        None,
        description="The day the score is to speak from, after the last event's; that day by default, and without"
        " events the build's.",
        examples=["2020-02-29"],
    )


class LiveScore(BaseModel):
    """What the model says now."""

    outcome: str
    probability: float | None = Field(description="null of who is not in the outcome's population.")
    horizon_days: int
    model: str
    version: int


class LiveUser(BaseModel):
    """A user with the events since the build."""

    user_id: str
    as_of: date
    build_id: str
    scores: list[LiveScore]
    left_out: list[LeftOut]


class Health(BaseModel):
    """How it is: `problems` say what is not as it should be, though it goes on."""

    status: Literal["ready", "not ready"]
    stage: str
    models: dict[str, int] = Field(description="Version by registered model.")
    as_of: date | None
    build_id: str | None
    problems: dict[str, str]
