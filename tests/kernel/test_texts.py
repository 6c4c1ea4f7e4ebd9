"""Texts that must be there."""

import pytest
from pydantic import TypeAdapter, ValidationError

from app.domain.kernel.schemas import Label, Name
from tests.world import Client

BLANKS = [" ", "\t\n", "\u00a0", "\u2003\u3000", "\u200b", "\x1f"]


@pytest.mark.parametrize("blank", BLANKS)
def test_a_name_is_no_blank_and_a_label_may_be(blank: str) -> None:
    with pytest.raises(ValidationError):
        TypeAdapter(Name).validate_python(blank)
    assert TypeAdapter(Label).validate_python(blank) == blank


@pytest.mark.parametrize("name", ["x", " x ", "\tÖ", "李", "\U0001f600", "0"])
def test_a_name_keeps_the_blanks_around_it(name: str) -> None:
    assert TypeAdapter(Name).validate_python(name) == name


@pytest.mark.parametrize("blank", [*BLANKS, "a\0b"])
async def test_who_sends_a_blank_name_is_told_so(client: Client, blank: str) -> None:
    answer = await client.post("/accounts", json={"name": blank})
    (fault,) = answer.json()["errors"]
    assert (answer.status_code, fault["pointer"], fault["code"]) == (422, "/name", "blank")
    assert "Write something" in fault["message"]
