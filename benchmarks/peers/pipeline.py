"""The scikit-learn pipeline that every model server serves, fitted on the simulated customers.

What a user would write from scikit-learn's own guide: unknown counts imputed and marked, values scaled, log-odds fitted.
`row` is how they would make its input from a JSON customer.
"""

from __future__ import annotations

import sys
from pathlib import Path

import joblib
import pandas as pd
from sklearn.compose import ColumnTransformer
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import StandardScaler

DATA = Path(__file__).parents[2] / ".bench" / "data"


def training_data(folder: Path = DATA) -> tuple[pd.DataFrame, pd.Series]:
    """X and y."""
    table = pd.read_csv(folder / "training.csv").astype({"segment": str})
    return table.drop(columns="segment").astype(float), table["segment"]


def unfitted(columns: list[str]) -> Pipeline:
    """Unknown counts imputed and marked, scaled, multinomial log-odds: of the usual forms tried, the one that answers fastest."""
    counts = make_pipeline(SimpleImputer(strategy="median", add_indicator=True), StandardScaler())
    by_column = ColumnTransformer([("counts", counts, columns)])
    return Pipeline([("columns", by_column), ("log_odds", LogisticRegression(max_iter=300))])


def array_pipeline() -> Pipeline:
    """The same steps for arrays, which is what converters to other formats take."""
    steps = [SimpleImputer(strategy="median"), StandardScaler(), LogisticRegression(max_iter=300)]
    return make_pipeline(*steps)


def fitted(folder: Path = DATA) -> Pipeline:
    """The pipeline, ready to predict."""
    X, y = training_data(folder)  # noqa: N806  (scikit-learn's word)
    return unfitted(list(X.columns)).fit(X, y)


def row(features: dict) -> pd.DataFrame:
    """One JSON customer as the DataFrame that the pipeline was fitted on."""
    return pd.DataFrame([features]).astype(float)


def main() -> None:
    """`python pipeline.py FILE`: fit and keep."""
    joblib.dump(fitted(), sys.argv[1])


if __name__ == "__main__":
    main()
