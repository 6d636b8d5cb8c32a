"""The report of a dataset: one self-contained page, its numbers as JSON, and its charts.

    from million_ird.report import ReportInputs, write_report
    summary = write_report(ReportInputs(name=…, images=batches, …), Path("my-ird/report"))

Reading order: `inputs` (what goes in), `collect` (one pass over the rows), `funnel` (the balance), `distributions`,
`page` and its `sections`, `write`.
"""

from million_ird.report.funnel import balance, funnel
from million_ird.report.inputs import (
    HostErrors,
    LogSummary,
    ReportInputs,
    ReportScreen,
    ReportSummary,
    StepLog,
)
from million_ird.report.write import write_report

__all__ = [
    "HostErrors",
    "LogSummary",
    "ReportInputs",
    "ReportScreen",
    "ReportSummary",
    "StepLog",
    "balance",
    "funnel",
    "write_report",
]
