"""Kinds of settings that several YAML files have: paths, shares, rates, COCO files."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated, Any

from pydantic import AfterValidator, BeforeValidator, Field, ValidationInfo, model_validator

from distill.settings.document import Strict


def _beside_the_file(path: Path, info: ValidationInfo) -> Path:
    folder = (info.context or {}).get("folder", Path())
    return Path(os.path.abspath(folder / path.expanduser()))  # noqa: PTH100 links stay links


def _listed(value: Any) -> Any:
    return [value] if isinstance(value, str | dict) else value


Location = Annotated[Path, AfterValidator(_beside_the_file)]
"""A path; a relative one is relative to the YAML file, not to where the command is run."""

Share = Annotated[float, Field(ge=0, le=1)]
Rate = Annotated[float, Field(gt=0, le=0.1)]
"""A learning rate."""


class Source(Strict):
    """One COCO file and its images; in the YAML a bare path will do."""

    annotations: Location = Field(description="COCO JSON")
    images: Location | None = Field(
        None, description="folder that file names are relative to (default: the JSON's own folder)"
    )
    names: dict[str, str] = Field(
        default={}, description="our class: what this file calls it, where the names differ"
    )

    @model_validator(mode="before")
    @classmethod
    def _bare_path(cls, value: Any) -> Any:
        return {"annotations": value} if isinstance(value, str) else value


SourceList = Annotated[tuple[Source, ...], BeforeValidator(_listed), Field(max_length=100)]
"""Any number of COCO files; in the YAML a single one needs no list."""
