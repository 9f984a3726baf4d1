"""Paths that commands take: files of this machine, never addresses of a store; the one click type for all of them.

`pathlib` makes of ``s3://bucket/x`` the local folder ``s3:/bucket``, so that a command would write there and succeed.
Imports click alone, so that `--help` answers at once; functions that are handed paths otherwise call `check_local`.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any, Final

import click

_ADDRESS: Final = re.compile(r"([A-Za-z][A-Za-z0-9+.-]+):[:/]|([^/]+)://")
"""A scheme of two letters or more (RFC 3986), as ``s3://x`` and ``dbfs:/x``, and the chains of fsspec, as ``zip::s3://x``."""
_COPY_WITH: Final = {
    "s3": "aws s3 cp",
    "s3a": "aws s3 cp",
    "s3n": "aws s3 cp",
    "gs": "gcloud storage cp",
    "gcs": "gcloud storage cp",
    "abfs": "azcopy copy",
    "abfss": "azcopy copy",
    "az": "azcopy copy",
    "wasb": "azcopy copy",
    "wasbs": "azcopy copy",
    "hdfs": "hdfs dfs -get",
    "dbfs": "databricks fs cp",
    "http": "curl -O",
    "https": "curl -O",
}


class NotLocalError(ValueError):
    """An address where a path of this machine belongs; the message says what to do. Copy the files, or mount the store."""


def check_local(path: str) -> None:
    """Do nothing for a path of this machine.

    Raises
    ------
    NotLocalError
        If it is an address, such as ``s3://bucket/customers.parquet``.
    """
    match = _ADDRESS.match(path)
    if match is None:
        return
    scheme = (match[1] or match[2]).lower()
    if scheme == "file":
        raise NotLocalError(f"{path} is an address. Arki takes paths: leave out file:// and give the path.")
    tool = f", such as `{_COPY_WITH[scheme]}`" if scheme in _COPY_WITH else ""
    raise NotLocalError(
        f"{path} is an address, and Arki reads and writes local files only. Mount the store, or copy the files with the"
        f" store's own tool{tool}, and give the local path."
    )


class LocalPath(click.Path):
    """`click.Path` that refuses addresses before anything is read or written; a `pathlib.Path` unless told otherwise."""

    def __init__(self, *, path_type: type[Any] = Path, **options: Any) -> None:  # noqa: ANN401  (click's own options)
        super().__init__(path_type=path_type, **options)

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:  # noqa: ANN401
        """The path, checked as `click.Path` does."""
        try:
            check_local(str(value))
        except NotLocalError as error:
            self.fail(str(error), param, ctx)
        return super().convert(value, param, ctx)
