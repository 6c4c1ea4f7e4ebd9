"""The bench of duplicates in small: a misspelt company is found again among many, by the statement of the product."""

from bench.duplicates import AMONG_FIVE, measured
from tests.world import Place


async def test_of_misspelt_companies_nearly_all_are_found(database_copy: Place) -> None:
    """Among few there are fewer neighbours, so a little less than the bench asks for is the least."""
    found = await measured(database_copy.admin_url, database_copy.url, 2_000, 60)

    assert found.first >= 0.9
    assert found.among_five >= AMONG_FIVE - 0.06
