"""The vendors: found by their hosts, and described without contradictions."""

import re

import pytest

from transforms.vendors import VENDORS, vendor_for_host


@pytest.mark.parametrize(
    ("host", "name"),
    [
        ("api.moonshot.ai", "moonshot"),
        ("API.Moonshot.CN.", "moonshot"),
        ("api.kimi.com", "kimi-coding"),
        ("openrouter.ai", "openrouter"),
        ("eu.openrouter.ai", "openrouter"),
        ("api.groq.com", "groq"),
        ("api.fireworks.ai", "fireworks"),
        ("api.together.xyz", "together"),
        ("aiplatform.googleapis.com", "vertex"),
        ("us-central1-aiplatform.googleapis.com", "vertex"),
        ("aiplatform.eu.rep.googleapis.com", "vertex"),
        ("127.0.0.1", "generic"),
        ("api.moonshot.ai.example.com", "generic"),
        ("notopenrouter.ai", "generic"),
        ("", "generic"),
    ],
)
def test_a_host_tells_the_vendor(host: str, name: str) -> None:
    assert vendor_for_host(host) == name


def test_the_documented_vendors_are_there_under_their_own_names() -> None:
    documented = [
        "moonshot",
        "kimi-coding",
        "openrouter",
        "vllm",
        "sglang",
        "groq",
        "fireworks",
        "together",
        "vertex",
        "generic",
    ]
    assert set(documented) <= set(VENDORS)
    assert all(name == vendor.name for name, vendor in VENDORS.items())


def test_all_vendors_but_one_read_reasoning_somewhere_and_no_host_belongs_to_two() -> None:
    hosts = [host for vendor in VENDORS.values() for host in vendor.hosts]
    refusing = {"openai"}  # an unknown field of a message is a 400 there
    assert {vendor.name for vendor in VENDORS.values() if not vendor.reasoning_fields} == refusing
    assert len(hosts) == len(set(hosts))


@pytest.mark.parametrize(
    ("name", "taken"),
    [("Read", True), ("mcp__a-b_c", True), ("a" * 64, True), ("a" * 65, False), ("2fa", False), ("a.b", False)],
)
def test_moonshot_s_names_start_with_a_letter(name: str, taken: bool) -> None:
    pattern = VENDORS["moonshot"].tool_name
    assert pattern is not None
    assert (re.fullmatch(pattern, name) is not None) is taken
