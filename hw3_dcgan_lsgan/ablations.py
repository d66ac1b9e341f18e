"""Changes that claims of report 001 are about: `--ablation NAME`. Each is the report's system but for one thing."""

from __future__ import annotations

ABLATIONS = {"half-sum": "D's loss is half the sum of its terms, as in the code from which the report's DCGAN comes"}
TEXT2IMAGE = {"raw-generator": "the condition joins the noise as it is; D keeps its own Dense layer for it"}
D_WEIGHT = {"half-sum": 0.5}  # ablation -> weight of D's loss
