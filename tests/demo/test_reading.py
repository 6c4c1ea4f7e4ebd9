"""What a load makes of the files: every cell arrives, is mapped, or is reported with its line."""

import csv
import shutil

import pytest

from app.demo import SHIPPED, LoadFailed, load
from tests.demo.fake_api import FakeApi

pytestmark = pytest.mark.quick


async def load_into_fake(directory):
    api = FakeApi()
    return api, await load("http://127.0.0.1", "key", directory, progress=False, transport=api)


def reasons(report, file, line):
    return [note.text for row in report.listed if (row.file, row.line) == (file, line) for note in row.notes]


async def test_every_person_of_the_sales_teams_becomes_a_user_below_their_manager(sample):
    api, report = await load_into_fake(sample)
    assert report.counts["users"] == {"created": 41, "updated": 0, "unchanged": 0, "notLoaded": 0}
    manager = api.records["users", "Dustin Brinkmann"]
    assert manager["body"] == {
        "name": "Dustin Brinkmann",
        "email": "dustin.brinkmann@sample.example",
        "region": "Central",
        "managerId": None,
    }
    assert api.body("users", "Mei-Mei Johns")["email"] == "mei-mei.johns@sample.example"
    assert api.body("users", "Anna Snelling")["managerId"] == manager["id"]


async def test_email_addresses_are_reported_as_made_up(sample):
    _, report = await load_into_fake(sample)
    assert report.as_dict()["madeUp"] == {"user email addresses": 41}
    assert "Made up" in report.as_text()


async def test_an_account_has_its_parent_its_revenue_in_dollars_and_the_first_administrator_as_owner(sample):
    api, _ = await load_into_fake(sample)
    assert api.body("accounts", "Bluth Company") == {
        "name": "Bluth Company",
        "industry": "technology",
        "foundedYear": 1993,
        "annualRevenue": {"amount": "1242320000.00", "currency": "USD"},
        "employees": 3027,
        "country": "United States",
        "parentId": api.records["accounts", "Acme Corporation"]["id"],
        "ownerId": "the-administrator",
    }


async def test_a_product_has_family_and_list_price(sample):
    api, _ = await load_into_fake(sample)
    price = {"amount": "26768", "currency": "USD"}
    assert api.body("products", "GTK 500") == {"name": "GTK 500", "family": "GTK", "listPrice": price}


async def test_a_won_opportunity_arrives_whole(sample):
    api, _ = await load_into_fake(sample)
    assert api.body("opportunities", "1C1I7A6R") == {
        "name": "Cancity - GTX Plus Basic",
        "stage": "closedWon",
        "engageDate": "2016-10-20",
        "closeDate": "2017-03-01",
        "amount": {"amount": "1054", "currency": "USD"},
        "accountId": api.records["accounts", "Cancity"]["id"],
        "productId": api.records["products", "GTX Plus Basic"]["id"],
        "ownerId": api.records["users", "Moses Frase"]["id"],
    }


async def test_an_open_opportunity_has_neither_amount_nor_close_date_and_a_lost_one_is_worth_nothing(sample):
    api, _ = await load_into_fake(sample)
    still_open, lost = api.body("opportunities", "HAXMC4IX"), api.body("opportunities", "KWVA7VR1")
    assert (still_open["name"], still_open["amount"], still_open["closeDate"]) == (
        "No account - MG Advanced",
        None,
        None,
    )
    assert (lost["stage"], lost["amount"]["amount"]) == ("closedLost", "0")


async def test_a_history_begins_with_the_engage_date_and_ends_with_the_close_date(sample):
    api, report = await load_into_fake(sample)
    assert api.history("1C1I7A6R") == [("engaging", "2016-10-20", "2017-03-01"), ("closedWon", "2017-03-01", None)]
    assert report.counts["stage histories"] == {"created": 40, "updated": 0, "unchanged": 0, "notLoaded": 0}


@pytest.mark.parametrize(
    ("column", "value", "history"),
    [
        ("engage_date", "", []),
        ("close_date", "", []),
        ("close_date", "1/1/2016", []),
        ("deal_stage", "Engaging", [("engaging", "2016-10-20", None)]),
    ],
)
async def test_of_what_is_not_dated_no_history_is_told(sample, change_cell, column, value, history):
    change_cell("sales_pipeline.csv", 2, column, value)
    api, _ = await load_into_fake(sample)
    assert api.history("1C1I7A6R") == history


async def test_a_mapping_that_names_no_first_stage_tells_no_histories(sample):
    lines = (SHIPPED.parent / "mapping.toml").read_text().splitlines(keepends=True)
    (sample / "mapping.toml").write_text("".join(line for line in lines if not line.startswith("engaged")))
    api, report = await load_into_fake(sample)
    assert (api.stays, report.complete) == ({}, True)


async def test_listed_and_clean_rows_add_up_and_the_listed_are_those_without_account_or_with_another_spelling():
    _, report = await load_into_fake(SHIPPED)
    with (SHIPPED / "sales_pipeline.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    expected = {line for line, row in enumerate(rows, start=2) if not row["account"] or row["product"] == "GTXPro"}
    tally = report.as_dict()["files"]["sales_pipeline.csv"]
    assert {row.line for row in report.listed if row.file == "sales_pipeline.csv"} == expected
    assert tally == {"rows": 8800, "clean": 8800 - len(expected), "listed": len(expected)}
    assert report.complete


async def test_the_printed_report_names_every_listed_line_under_its_reason(sample):
    _, report = await load_into_fake(sample)
    text = report.as_text()
    assert "sales_pipeline.csv: product 'GTXPro' read as 'GTX Pro'" in text
    assert "accounts.csv: office_location 'Philipines' read as 'Philippines' (1 row)\n  line 5" in text
    assert report.as_text(lines=False).count("\n  line") == 0


@pytest.mark.parametrize(
    ("column", "value", "field", "said"),
    [
        ("account", "Cancitty", "accountId", "account 'Cancitty' matches nothing (perhaps 'Cancity'), left empty"),
        ("product", "Abacus", "productId", "product 'Abacus' matches nothing, left empty"),
        ("sales_agent", "Nobody Known", "ownerId", "sales_agent 'Nobody Known' matches nothing, left empty"),
    ],
)
async def test_a_name_that_matches_nothing_is_reported_with_its_line_and_the_row_is_loaded(
    sample, change_cell, column, value, field, said
):
    change_cell("sales_pipeline.csv", 2, column, value)
    api, report = await load_into_fake(sample)
    assert reasons(report, "sales_pipeline.csv", 2) == [said]
    assert api.body("opportunities", "1C1I7A6R")[field] is None
    assert not report.complete


@pytest.mark.parametrize(
    ("file", "column", "value", "field"),
    [
        ("sales_pipeline.csv", "close_date", "31/12/2017", "closeDate"),
        ("sales_pipeline.csv", "close_value", "a lot", "amount"),
        ("sales_pipeline.csv", "close_value", "NaN", "amount"),
        ("accounts.csv", "employees", "12.5", "employees"),
        ("accounts.csv", "subsidiary_of", "Acme Corp", "parentId"),
        ("accounts.csv", "subsidiary_of", "Acme Corporation", "parentId"),
    ],
)
async def test_a_cell_that_cannot_be_used_is_reported_and_left_out(sample, change_cell, file, column, value, field):
    change_cell(file, 2, column, value)
    api, report = await load_into_fake(sample)
    notes = [note for row in report.listed if (row.file, row.line) == (file, 2) for note in row.notes]
    first = {"sales_pipeline.csv": ("opportunities", "1C1I7A6R"), "accounts.csv": ("accounts", "Acme Corporation")}
    assert [(note.kind, note.value) for note in notes if note.column == column] == [("unmatched", value)]
    assert api.body(*first[file])[field] is None


async def test_a_sector_that_no_list_knows_is_kept_and_reported(sample, change_cell):
    change_cell("accounts.csv", 4, "sector", "gardening")
    api, report = await load_into_fake(sample)
    assert api.body("accounts", "Betatech")["industry"] == "gardening"
    assert reasons(report, "accounts.csv", 4) == ["sector 'gardening' is in no list, kept as it is"]


@pytest.mark.parametrize(
    ("column", "value", "said"),
    [
        ("deal_stage", "Wonn", "deal_stage 'Wonn' matches nothing"),
        ("opportunity_id", "", "opportunity_id is empty"),
        ("opportunity_id", "Z063OYW0", "opportunity_id 'Z063OYW0' is taken by line 3"),
    ],
)
async def test_a_row_that_cannot_be_loaded_is_listed_and_counted(sample, change_cell, column, value, said):
    change_cell("sales_pipeline.csv", 4, column, value)
    _, report = await load_into_fake(sample)
    assert said in reasons(report, "sales_pipeline.csv", 4)
    assert report.counts["opportunities"] == {"created": 39, "updated": 0, "unchanged": 0, "notLoaded": 1}
    assert f"NOT LOADED: {said}" in report.as_text()


async def test_a_row_with_a_cell_too_few_is_listed_and_not_loaded(sample):
    with (sample / "products.csv").open("a") as file:
        file.write("\nHalf a product,MG\n")
    _, report = await load_into_fake(sample)
    assert reasons(report, "products.csv", 10) == ["has 2 cells where the header has 3"]


async def test_spaces_round_a_cell_are_taken_off_and_listed(sample, change_cell):
    change_cell("sales_pipeline.csv", 2, "account", " Cancity ")
    api, report = await load_into_fake(sample)
    assert api.body("opportunities", "1C1I7A6R")["accountId"] == api.records["accounts", "Cancity"]["id"]
    assert reasons(report, "sales_pipeline.csv", 2) == ["account ' Cancity ' read as 'Cancity'"]


async def test_accounts_that_are_each_others_parent_are_loaded_without_and_listed(sample, change_cell):
    change_cell("accounts.csv", 3, "subsidiary_of", "Betatech")
    change_cell("accounts.csv", 4, "subsidiary_of", "Betasoloin")
    api, report = await load_into_fake(sample)
    assert reasons(report, "accounts.csv", 3) == ["subsidiary_of 'Betatech' leads back to 'Betasoloin', left empty"]
    assert api.body("accounts", "Betatech")["parentId"] is None


async def test_a_mapping_file_beside_the_files_takes_the_place_of_the_shipped_one(sample):
    own = (SHIPPED.parent / "mapping.toml").read_text().replace('"closedWon"', '"won"')
    (sample / "mapping.toml").write_text(own)
    api, _ = await load_into_fake(sample)
    assert api.body("opportunities", "1C1I7A6R")["stage"] == "won"


@pytest.mark.parametrize(
    ("damage", "said"),
    [
        (lambda folder: (folder / "products.csv").unlink(), "products.csv"),
        (lambda folder: (folder / "products.csv").write_text("product,series\n"), "no column sales_price"),
        (
            lambda folder: (folder / "products.csv").write_bytes(b"product,series,sales_price\n\xff,a,1\n"),
            "products.csv",
        ),
        (lambda folder: (folder / "mapping.toml").write_text("[stages"), "mapping.toml"),
        (shutil.rmtree, "cannot be read"),
    ],
)
async def test_files_that_cannot_be_read_are_refused_before_anything_is_sent(sample, damage, said):
    damage(sample)
    api = FakeApi()
    with pytest.raises(LoadFailed, match=said):
        await load("http://127.0.0.1", "key", sample, progress=False, transport=api)
    assert not api.seen
