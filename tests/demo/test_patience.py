"""How a load treats a server that refuses, fails, or is not there."""

import asyncio

import httpx
import pytest

from app.demo import LoadFailed, client, load, loading
from tests.demo.fake_api import FakeApi

pytestmark = pytest.mark.quick


@pytest.fixture(autouse=True)
def small_batches(monkeypatch):
    """So that the few rows of the sample are many batches."""
    monkeypatch.setattr(loading, "TOGETHER", 5)


def answering(status, *, to, times=1000, content=None, **headers):
    """The first requests that `to` chooses are answered so."""
    left = [times]

    def misbehave(request, nth):
        if left[0] and to(request):
            left[0] -= 1
            return httpx.Response(status, headers=headers, json=content or {"code": "planted", "detail": "Planted."})
        return None

    return misbehave


def puts(request):
    return request.method == "PUT"


async def load_into(api, sample):
    return await load("http://127.0.0.1", "key", sample, progress=False, transport=api)


async def test_four_requests_are_in_flight_and_never_more(sample):
    api = FakeApi()
    await load_into(api, sample)
    assert api.most_in_flight == 4


async def test_rows_go_in_batches_and_one_by_one_only_where_one_of_them_is_refused(sample):
    api, all_well = FakeApi(answering(422, to=lambda request: request.url.path.endswith("/Cancity"))), FakeApi()
    await load_into(api, sample)
    await load_into(all_well, sample)
    assert not any(map(puts, all_well.seen))
    assert sum(map(puts, api.seen)) == 5


async def test_every_request_carries_the_key_and_goes_below_the_base_path(sample):
    api = FakeApi()
    await load("http://127.0.0.1/api/v1/", "crm_test_key", sample, progress=False, transport=api)
    assert {request.headers["Authorization"] for request in api.seen} == {"Bearer crm_test_key"}
    assert all(request.url.path.startswith("/api/v1/") for request in api.seen)
    assert not any(request.url.path.startswith("/api/v1/api") for request in api.seen)


@pytest.mark.parametrize("status", [429, 503])
async def test_after_a_retry_after_nothing_is_sent_until_it_is_over(sample, status):
    refused = []

    def misbehave(request, nth):
        if puts(request) and not refused:
            refused.append(asyncio.get_running_loop().time())
            return httpx.Response(status, headers={"Retry-After": "1"})
        return None

    api = FakeApi(misbehave)
    report = await load_into(api, sample)
    early = [at for at in api.started if refused[0] < at < refused[0] + 0.99]
    assert (early, report.repeated) == ([], 1)
    assert report.counts["opportunities"]["created"] == 40


@pytest.mark.parametrize("status", [409, 502, 504])
async def test_what_may_work_later_is_sent_again(sample, status):
    headers = {"Retry-After": "0"} if status == 409 else {}
    api = FakeApi(answering(status, to=puts, times=3, **headers))
    report = await load_into(api, sample)
    assert report.repeated == 3
    assert report.complete


async def test_a_lost_connection_is_no_lost_row(sample):
    def misbehave(request, nth):
        if nth in (10, 30):
            raise httpx.ReadError("planted")

    report = await load_into(FakeApi(misbehave), sample)
    assert report.repeated == 2
    assert report.counts["opportunities"]["created"] == 40


async def test_a_server_that_stays_away_ends_the_load_with_a_reason(sample, monkeypatch):
    monkeypatch.setattr(client, "PATIENCE_S", 0.3)

    def misbehave(request, nth):
        raise httpx.ConnectError("nobody listens")

    with pytest.raises(LoadFailed, match=r"127\.0\.0\.1.* takes no requests: ConnectError nobody listens"):
        await load_into(FakeApi(misbehave), sample)


async def test_a_server_that_asks_for_more_than_the_patience_ends_the_load_with_its_reason(sample):
    api = FakeApi(answering(429, to=puts, **{"Retry-After": "3600"}))
    with pytest.raises(LoadFailed, match=r"429 planted Planted\."):
        await load_into(api, sample)


@pytest.mark.parametrize("status", [401, 403])
async def test_a_key_that_may_not_ends_the_load_at_once(sample, status):
    api = FakeApi(answering(status, to=puts))
    with pytest.raises(LoadFailed, match=rf"may not write \w+: {status} planted"):
        await load_into(api, sample)
    assert sum(map(puts, api.seen)) <= 4


async def test_an_address_where_no_api_is_ends_the_load_with_that_suspicion(sample):
    api = FakeApi(lambda *_: httpx.Response(200, html="<p>A page</p>"))
    with pytest.raises(LoadFailed, match="is the address right"):
        await load_into(api, sample)


async def test_a_row_that_is_refused_is_listed_with_the_problem_and_what_refers_to_it_does_without(sample):
    errors = [{"pointer": "/name", "code": "short", "message": "Too short."}]
    problem = {"code": "invalid", "detail": "The body is not valid.", "errors": errors}
    api = FakeApi(answering(422, to=lambda request: request.url.path.endswith("/Cancity"), content=problem))
    report = await load_into(api, sample)
    notes = {(row.file, row.line): [note.text for note in row.notes] for row in report.listed}
    said = "refused in accounts: 422 invalid The body is not valid. /name: Too short."
    assert notes["accounts.csv", 10] == [said]
    assert notes["sales_pipeline.csv", 2] == ["accountId: 'Cancity' was not loaded, left empty"]
    assert report.counts["accounts"]["notLoaded"] == 1
    assert api.body("opportunities", "1C1I7A6R")["accountId"] is None


async def test_a_second_load_says_unchanged_and_one_after_a_correction_says_updated(sample, change_cell):
    api = FakeApi()
    await load_into(api, sample)
    again = await load_into(api, sample)
    change_cell("sales_pipeline.csv", 2, "close_value", "1055")
    corrected = await load_into(api, sample)
    assert again.counts["opportunities"] == {"created": 0, "updated": 0, "unchanged": 40, "notLoaded": 0}
    assert corrected.counts["opportunities"] == {"created": 0, "updated": 1, "unchanged": 39, "notLoaded": 0}


async def test_progress_is_shown_beside_the_answer_not_in_it(sample, capsys):
    await load("http://127.0.0.1", "key", sample, progress=True, transport=FakeApi())
    shown = capsys.readouterr()
    assert "Loading" in shown.err
    assert shown.out == ""
