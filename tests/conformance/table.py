#!/usr/bin/env python3
"""Writes docs/reference/sparkplug-conformance.md from the table of requirements: tests/conformance/table.py"""
import pathlib

import requirements_of_payloads  # noqa: F401  adds its chapters to the table
from requirements import TABLE

PAGE = pathlib.Path(__file__).resolve().parents[2] / "docs/reference/sparkplug-conformance.md"
HEAD = """# Sparkplug B 3.0: what is kept

<!-- Written from the table the tests are made of, by tests/conformance/table.py. -->

The {count} testable requirements of the Sparkplug Specification 3.0.0, by their ids (without the prefix `tck-id-`). The edge node is `labhub-agent`,
the host application `labhub-coordinator`: the real programs, before a broker that writes down every packet (`tests/conformance`). One test is named
after each id with a verdict of *kept* or *not kept*; a second one sees it fail on recordings in which just this is broken. Where a rule isn't kept or
doesn't apply, the reason stands beside it, and where it can, a test guards the reason.

|  | kept | not kept | not applicable |
| --- | --- | --- | --- |
{summary}

labhub has not been run through the Eclipse Foundation's own compatibility kit, and claims no listing there.
"""


def verdicts(profile):
    """Of the ids that concern this profile."""
    return [getattr(r, profile + "_verdict") for r in TABLE if getattr(r, profile + "_verdict")]


def summary():
    rows = []
    for profile, name in (("edge", "edge node"), ("host", "host application")):
        found = verdicts(profile)
        rows.append(f"| {name} | {found.count('kept')} | {found.count('not kept')} | {found.count('not applicable')} |")
    servers = sum(not r.edge_verdict and not r.host_verdict for r in TABLE)
    rows.append(f"| MQTT server | — | — | {servers} |")
    return "\n".join(rows)


def row(requirement):
    says = []
    for profile, name in (("edge", "edge node"), ("host", "host")):
        rule = getattr(requirement, profile)
        if rule and getattr(requirement, profile + "_verdict") == "kept":
            says.append((f"{name}: " if requirement.edge and requirement.host else "") + rule.says)
    if requirement.why:
        says.append(requirement.why)
    cell = {"": "—", "kept": "kept", "not kept": "**not kept**", "not applicable": "n/a"}
    return f"| {requirement.id} | {cell[requirement.edge_verdict]} | {cell[requirement.host_verdict]} | {'; '.join(says)} |"


def page():
    parts = [HEAD.format(count=len(TABLE), summary=summary())]
    for chapter in dict.fromkeys(r.chapter for r in TABLE):
        parts.append(f"\n## {chapter}\n\n| requirement | edge node | host | how, or why not |\n| --- | --- | --- | --- |\n")
        parts.extend(row(r) + "\n" for r in TABLE if r.chapter == chapter)
    return "".join(parts)


if __name__ == "__main__":
    PAGE.write_text(page())
