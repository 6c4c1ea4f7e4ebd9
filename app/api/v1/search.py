"""One search box for all objects."""

from dataclasses import replace

from app.api.answer import JSON, Answer
from app.api.edge import Call
from app.api.parameters import PREFER, Q
from app.api.route import ALWAYS, ANYONE, ApiRoute, Parameter
from app.api.shapes import SearchResult, search_example
from app.domain.kernel.errors import BadRequest, refused
from app.domain.kernel.search import sought
from app.domain.records.search import search
from app.domain.registry import CATALOG, OBJECT_TYPES

MAX_HITS = 50
WORDS = (
    "Words that must all occur in a record's names, emails, phone numbers or external ids: whole, as a beginning, inside a "
    "word, or one letter off in a word of five or more."
)
_OBJECTS = [kind.name for kind in CATALOG if kind.searchable]
_ONE = f"({'|'.join(_OBJECTS)})"


async def search_everywhere(call: Call) -> Answer:
    options = call.options("q", "objects", "limit")
    if "q" not in options:
        raise refused(BadRequest, "q", "missing", "Say what to search for: ?q=ada.")
    objects = options["objects"].split(",") if "objects" in options else []
    groups = await search(call.session, sought(options["q"]), objects, _limit(options.get("limit", "10")))
    return Answer(200, b'{"data":%b}' % groups, JSON)


def _limit(text: str) -> int:
    if not (text.isascii() and text.isdigit() and 1 <= int(text[:4]) <= MAX_HITS):
        raise refused(BadRequest, "limit", "badLimit", f"The limit lies between 1 and {MAX_HITS}.")
    return int(text)


searching = (
    ApiRoute(
        method="GET",
        path="/search",
        name="search",
        summary="Search all objects",
        description="The best hits of each object that the key may read, in groups, the group with the best hit first. "
        "`score` compares hits of one answer; `matched` tells how the words were found.",
        tag="search",
        permission=ANYONE,
        handler=search_everywhere,
        errors=ALWAYS,
        shows=SearchResult,
        example=search_example(OBJECT_TYPES[0]),
        parameters=(
            replace(Q, description=WORDS, required=True),
            Parameter(
                "objects",
                "Only hits of these objects, separated by commas.",
                {"type": "string", "pattern": f"^{_ONE}(,{_ONE}){{0,{len(_OBJECTS) - 1}}}$"},
            ),
            Parameter(
                "limit", "Hits per object.", {"type": "integer", "minimum": 1, "maximum": MAX_HITS, "default": 10}
            ),
            PREFER,
        ),
    ),
)
