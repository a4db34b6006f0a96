"""The bill of materials: what is in the installers, in CycloneDX's JSON (version 1.6).

Made by hand from the packages' records: the format is a list of names, versions and licences, and
its library would be one more thing to trust in the build.
Format: https://cyclonedx.org/docs/1.6/json/
"""

from __future__ import annotations

import datetime
import json
import re
import sys
import uuid
from pathlib import Path
from typing import Any

from installers.packages import Package, shipped
from installers.project import Project, source_date

_SPDX = re.compile(r"[A-Za-z0-9.+-]+(?:\s+(?:AND|OR|WITH)\s+[A-Za-z0-9.+-]+)*")


def write(python: Path, file: Path, project: Project) -> None:
    """Write the bill of what python's environment ships. Raises BuildError."""
    document = bill(shipped(python), project)
    file.write_text(json.dumps(document, indent=1, sort_keys=True) + "\n", encoding="utf-8")


def bill(packages: tuple[Package, ...], project: Project) -> dict[str, Any]:
    """The document for these packages; the same packages and date give the same document."""
    own = f"pkg:pypi/{project.name}@{project.version}"
    components = [
        _component(package) for package in packages if package.name.lower() != project.name
    ]
    version = sys.version.split()[0]
    components.append(
        {
            "type": "platform",
            "bom-ref": f"pkg:generic/python@{version}",
            "name": "Python",
            "version": version,
            "licenses": [{"expression": "PSF-2.0"}],
            "purl": f"pkg:generic/python@{version}",
        }
    )
    seed = json.dumps([components, project.version, source_date()], sort_keys=True)
    date = datetime.datetime.fromtimestamp(source_date(), datetime.UTC)
    return {
        "$schema": "http://cyclonedx.org/schema/bom-1.6.schema.json",
        "bomFormat": "CycloneDX",
        "specVersion": "1.6",
        "serialNumber": f"urn:uuid:{uuid.uuid5(uuid.NAMESPACE_URL, seed)}",
        "version": 1,
        "metadata": {
            "timestamp": date.strftime("%Y-%m-%dT%H:%M:%SZ"),
            "component": {
                "type": "application",
                "bom-ref": own,
                "name": project.title,
                "version": project.version,
                "description": project.summary,
                "licenses": [{"expression": project.licence}],
                "purl": own,
            },
        },
        "components": components,
        "dependencies": [{"ref": own, "dependsOn": sorted(part["bom-ref"] for part in components)}],
    }


def _component(package: Package) -> dict[str, Any]:
    # PyPI's names in package URLs are lower case with hyphens (purl-spec, type pypi).
    name = re.sub(r"[-_.]+", "-", package.name).lower()
    purl = f"pkg:pypi/{name}@{package.version}"
    component: dict[str, Any] = {
        "type": "library",
        "bom-ref": purl,
        "name": package.name,
        "version": package.version,
        "purl": purl,
    }
    if package.licence:
        is_expression = _SPDX.fullmatch(package.licence) is not None
        component["licenses"] = [
            {"expression": package.licence}
            if is_expression
            else {"license": {"name": package.licence}}
        ]
    if package.page.startswith("https://"):
        component["externalReferences"] = [{"type": "website", "url": package.page}]
    return component
