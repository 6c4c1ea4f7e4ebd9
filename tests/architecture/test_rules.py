import pytest

from tests.architecture.rules import GENERIC, RULES, Rule
from tests.architecture.source import Source, texts

SOURCES = list(texts(".py"))
each_rule = pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.name)


@each_rule
def test_a_rule_catches_its_bad_sample_and_lets_the_good_one_pass(rule: Rule) -> None:
    assert rule.applies(rule.at)
    assert list(rule.find(Source(rule.at, rule.bad)))
    assert not list(rule.find(Source(rule.at, rule.good)))


@each_rule
def test_the_code_keeps_the_rule(rule: Rule) -> None:
    read = [source for source in SOURCES if rule.applies(source.path)]
    assert read
    found = [f"{source.path}:{line} {what}" for source in read for line, what in rule.find(source)]
    assert not found, "\n".join(found)


def test_generic_code_is_where_the_rules_look_for_it() -> None:
    for folder in GENERIC:
        assert any(source.path.startswith(folder) for source in SOURCES), folder
