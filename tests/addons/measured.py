"""A script for mitmproxy that begins to measure coverage. Named before the addon, it begins when what is not ours is
loaded: under coverage that alone takes longer than all else that a short-lived proxy does. What our modules load and
the list does not name costs time, and nothing else."""

import importlib
import os

import coverage

for name in (
    *("dotenv", "fsspec", "google.auth.aws", "google.auth.impersonated_credentials", "google.oauth2.service_account"),
    *("httpx", "json_repair", "jsonschema.validators", "pygments", "regex", "sqlalchemy.dialects.postgresql"),
    *("sqlalchemy.dialects.sqlite", "yaml"),
):
    importlib.import_module(name)

os.environ["COVERAGE_PROCESS_CONFIG"] = os.environ.pop("MEASURED")
coverage.process_startup()
