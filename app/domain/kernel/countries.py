"""Countries by their codes of ISO 3166-1, and by the names that people write."""

from functools import lru_cache
from typing import Annotated

from babel import Locale
from babel.core import get_global
from phonenumbers import SUPPORTED_REGIONS
from pydantic import AfterValidator, Field
from pydantic_core import PydanticCustomError
from typing_extensions import TypeAliasType

from app.domain.kernel.search import fold

# All that have numbers of their own, but for two islands whose codes are reserved only, and the seven that have none.
COUNTRIES = frozenset(SUPPORTED_REGIONS) - {"AC", "TA"} | {"AQ", "BV", "GS", "HM", "PN", "TF", "UM"}
_LANGUAGES = ("en", "de", "fr", "es", "it", "pt", "nl", "pl")
# What is said beside the names of CLDR.
_ALSO = {
    "unitedstatesofamerica": "US",
    "america": "US",
    "greatbritain": "GB",
    "england": "GB",
    "scotland": "GB",
    "wales": "GB",
    "northernireland": "GB",
    "thenetherlands": "NL",
    "holland": "NL",
    "turkey": "TR",
    "czechrepublic": "CZ",
    "korea": "KR",
    "republicofkorea": "KR",
    "russianfederation": "RU",
    "hongkong": "HK",
    "macau": "MO",
    "ivorycoast": "CI",
    "burma": "MM",
    "vereinigtestaatenvonamerika": "US",
    "grossbritannien": "GB",
}


def _known(code: str) -> str:
    if code not in COUNTRIES:
        raise PydanticCustomError("unknown_country", "This is no ISO 3166-1 code of a country, such as DE.")
    return code


Country = TypeAliasType(
    "Country", Annotated[str, AfterValidator(_known), Field(json_schema_extra={"enum": sorted(COUNTRIES)})]
)


def country_code(text: str) -> str | None:
    """Of a code of two or three letters, or a name; None where it is no country that we know."""
    key = _key(text)
    code = key.upper()
    if code in COUNTRIES:
        return code
    aliases = get_global("territory_aliases").get(code, ())
    return next((one for one in aliases if one in COUNTRIES), None) or _names().get(key)


def _key(text: str) -> str:
    return fold(text).replace(" ", "")


@lru_cache(maxsize=1)
def _names() -> dict[str, str]:
    """The locales are read when the first name is."""
    names = {
        _key(name): code
        for language in reversed(_LANGUAGES)
        for code, name in Locale.parse(language).territories.items()
        if code in COUNTRIES
    }
    return {**_ALSO, **names}
