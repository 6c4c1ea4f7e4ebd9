"""A deal is priced, quoted, haggled over and won."""

from tests.factories.accounts import make_account
from tests.factories.lines import make_line
from tests.factories.pipeline import make_opportunity
from tests.world import Client, World


async def test_the_customer_wants_a_discount(client: Client, world: World) -> None:
    rep = await world.member_of(client)
    address = {"label": "billing", "street": "1 High Street", "city": "Leeds"}
    account = await make_account(rep, name="Acme Ltd", addresses=[address])
    deal = await make_opportunity(rep, accountId=account["id"])
    price = {"amount": "400.00", "currency": "USD"}
    sold = await make_line(rep, opportunityId=deal["id"], description="Pumps", quantity="3", unitPrice=price)

    # She quotes what the deal says, and sends the paper.
    quote = (await rep.post("/quotes", json={"opportunityId": deal["id"], "validUntil": "2099-12-31"})).json()
    assert (quote["billingName"], quote["total"]["amount"]) == ("Acme Ltd", "1200.00")
    first = (await rep.post(f"/quotes/{quote['id']}/present")).json()
    paper = await rep.get(f"/quotes/{quote['id']}/pdf")
    assert paper.headers["content-disposition"] == f'attachment; filename="{first["number"]}-1.pdf"'

    # It is too dear. The deal gets a discount, and the quote another version of it.
    await rep.post(f"/quotes/{quote['id']}/reject", json={"reason": "Too dear."})
    await rep.patch(f"/opportunity-lines/{sold['id']}", json={"discountPercent": "10"})
    draft = (await rep.post(f"/quotes/{quote['id']}/revise")).json()
    fresh = (await rep.post(f"/quotes/{draft['id']}/refresh")).json()
    assert (fresh["number"], fresh["revision"], fresh["total"]["amount"]) == (first["number"], 2, "1080.00")

    # Accepted: the deal is worth what the paper says, and won.
    await rep.post(f"/quotes/{draft['id']}/present")
    accepted = (await rep.post(f"/quotes/{draft['id']}/accept")).json()
    won = (await rep.post(f"/opportunities/{deal['id']}/win", json={})).json()
    assert (accepted["status"], won["status"], won["amount"]) == ("accepted", "won", accepted["net"])
    former = (await client.get(f"/quotes/{quote['id']}")).json()
    assert (former["status"], former["rejectedReason"]) == ("superseded", "Too dear.")
