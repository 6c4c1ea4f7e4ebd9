"""What an expression may cost, and the ranges that make every accepted expression total in SQL and in memory alike.

Numbers: a literal and a stored number have at most 30 digits before the point and 20 after it; a custom field whose
JSON holds a number beyond that counts as null. Products and quotients are at most 20 factors deep, so that no value has
over 1,100 digits: far from where `numeric` overflows, and exact in a decimal context of that precision.

Times: a timestamp plus or minus a duration is null where it leaves 0001-01-02 to 9999-12-30 (UTC), which is what can be
stored; the duration is built of literals of at most 1,000,000 days, so that PostgreSQL can compute the sum before it is
judged. A date leaves 0001-01-01 to 9999-12-31 as null, and so does a local time in a zone.
"""

MAX_LENGTH = 4_000
MAX_NODES = 400
MAX_DEPTH = 24
MAX_LIST = 200
MAX_HOPS = 3
MAX_RELATIONS = 10  # different to-one paths and to-many questions: each is a join
MAX_DIGITS = 30
MAX_DECIMALS = 20
MAX_FACTORS = 20
MAX_PLACES = 10
MAX_DURATION_DAYS = 1_000_000
