"""For those who write rules and content: reads what they wrote, proves it over every cell, and tells what an edit would change.

Hides YAML, sheets and how cells are painted. Of this room a serving process loads the findings and the sample of the population alone.
"""

__all__ = [
    "analysis",
    "canonical_yaml",
    "content_checks",
    "diff",
    "edits",
    "example_customers",
    "findings",
    "grid",
    "impact",
    "impact_report",
    "loader",
    "messages",
    "opening_days",
    "periods",
    "personas",
    "population_files",
    "population_sample",
    "questions",
    "spreadsheet",
    "succession",
    "suggestions",
    "yaml_source",
]
