"""Questions that were once answered differently, or could be: of accounts, unless they say otherwise."""

from tests.expression.differential import Question

ACCOUNTS = """
industry != "Tech"
industry == country
!(annualRevenue > 100)
!(employees <= 10)
!(name == "Acme" || industry == "Tech")
(annualRevenue > 10) == (employees > 10)
(industry == "Tech") != (name.contains("a"))
parent.industry == "Tech"
parent.parent.name != "Acme"
parent.owner.name.iequals("ACME")
children.exists(c, c.industry == industry)
children.all(c, c.employees > 10)
opportunities.count(o, o.amount > 10) == 1
contacts.exists(c, c.account.name == name) && contacts.exists(c, has(c.email))
name.icontains("É")
name.icontains("ΣΊ")
name.iequals("ärger")
name.iequals("\u03b1\u03c3")
name.lower() == "σίσυφος"
name.lower().endsWith("σς")
name.contains("%")
name.contains("_")
name.contains("\\\\")
name.endsWith("a")
name < "a"
name >= "Z"
name.trim() == "Acme"
name.size() > 5
annualRevenue + 0.00000000000000000001 > 999999999999999.9999
annualRevenue / 3 == round(annualRevenue / 3, 10)
1 / employees > 0
employees / 3 * 3 == employees
employees % -3 == 1 || employees % -3 == -1
-employees % 3 < 0
employees * employees > 100
round(annualRevenue / 4, 0) == 25 || round(custom.budget, 0) == 3
min(employees, foundedYear) < 50
max(employees, 10) == 10
custom.budget > 2
custom.renewal <= today()
custom.seen > timestamp("2026-01-01T00:00:00Z")
custom.seen == null
!custom.vip
custom.vip == false
"Acme" in custom.tags
custom.tags.exists(t, t.lower() == "acme")
custom.tags.all(t, t == "")
custom.tags.size() == 2
custom.tags.all(t, t != "5")
createdAt + duration("300d") > now()
createdAt - duration("1000000d") == null
addMonths(custom.renewal, 1) > addDays(custom.renewal, 28)
addMonths(custom.renewal, 1) == date("2024-03-29")
addDays(custom.renewal, employees * 1000000) == null
weekday(custom.renewal) == 7
day(createdAt, "Asia/Kolkata") != day(createdAt, "UTC")
hour(createdAt, "Pacific/Apia") > 12
(employees > 10 ? name : industry) == "Acme"
((industry == "Tech") == (industry != "Tech") ? 1 : 2) == 2
coalesce(annualRevenue, 0) == 0
externalIds.sap == "account 3"
!(externalIds.sap == "account 3")
externalIds.sap != null && externalIds.legacy == null
employees == 2.5
employees in [2.5, 7, 100000000000000000000]
employees < 100000000000000000000
!(employees >= 2.5)
version != 1
ownerId == me()
owner == null
parent.annualRevenue > annualRevenue
parent.annualRevenue == annualRevenue
!(parent.annualRevenue <= annualRevenue)
"""
NARROWED = """
account.name != "Acme"
account.industry == "Tech"
account.parent.name == null
account.opportunities.exists(o, o.amount > 10)
account.owner.role == "admin"
!(account.employees > 10)
"""
CALENDAR = ("addMonths({}, 1)", "addDays({}, 99999999999999999999)", "addMonths({}, -99999999999999999999)")


def nested(call: str, times: int) -> str:
    value = "custom.renewal"
    for _ in range(times):
        value = call.format(value)
    return f"{value} > today()"


DEEP = (
    *(nested(call, times) for call in CALENDAR for times in (1, 22)),
    f"{' * '.join(['custom.budget'] * 20)} != 0",
    "createdAt" + ' + duration("1000000d")' * 6 + " == null",
    "createdAt" + ' - duration("1000000d")' * 6 + " == null",
    f"{' - '.join(['annualRevenue'] * 20)} < 0",
    f"{'(' * 10}annualRevenue{' / 0.00000000000000000001)' * 10} > 0",
    f"{'min(' * 20}annualRevenue{', employees)' * 20} < 10",
    f"{'!(' * 20}annualRevenue > 10{')' * 20}",
)
HIDDEN = ("country == null", "annualRevenue > 10", "parent.country == null", "contacts.exists(c, true)")
TRAPS = (
    *(Question("account", one) for one in ACCOUNTS.strip().splitlines()),
    *(Question("account", one) for one in DEEP),
    *(Question("opportunity", one, viewer) for one in NARROWED.strip().splitlines() for viewer in (0, 1)),
    *(Question("account", one, 1, refused=True) for one in HIDDEN),
)
