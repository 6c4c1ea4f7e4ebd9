"""Contacts whose names are as alike as those of people: few stems, many endings, common and rare ones."""

import random
from collections.abc import Iterator
from uuid import UUID

import asyncpg

from tests.world import Place

FIRST = """
Ada Alexander Alexandra Alice Amélie Andrea Andreas Angela Anja Anna Anne Annika Anton Antonia Astrid Barbara Beate
Benjamin Bernd Bernhard Björn Bruno Carla Carlos Carolin Caroline Catherine Chloé Christian Christina Christine Christoph
Clara Claudia Daniel Daniela David Dieter Dmitri Dominik Elena Elias Elisabeth Emil Emilia Emily Emma Erik Erika Eva
Fabian Felix Florian François Frank Franz Franziska Friedrich Gabriel Gabriele Georg Grace Günter Günther Hannah Hannes
Hans Heike Heinrich Helena Helene Helga Helmut Henrik Ingrid Irene Isabel Isabella Jacob Jakob Jan Jana Jasmin Jennifer
Joachim Johann Johanna Johannes John Jonas Jonathan Jörg José Josef Julia Julian Juliane Jürgen Karin Karl Karla Karolina
Katharina Kathrin Katja Katrin Klaus Konrad Kristin Kristina Lara Lars Laura Lena Leon Leonie Lina Linda Louis Louise
Lucas Lucia Ludwig Luis Luisa Lukas Łukasz Manfred Manuel Manuela Marcel Marco Marcus Maria Marianne Marie Marina Marion
Mark Markus Martha Martin Martina Mathias Matthias Max Maximilian Melanie Michael Michaela Monica Monika Moritz Nadine
Natalia Natalie Nicolas Nicole Nina Norbert Olga Oliver Olivia Oscar Oskar Pascal Patricia Patrick Paul Paula Pauline
Peter Petra Philipp Pierre Rafael Rainer Ralf Raphael Renate René Richard Robert Roland Ronald Rosa Rüdiger Sabine
Sandra Sara Sarah Sebastian Silke Silvia Simon Simone Sofia Sofie Sonja Sophia Sophie Søren Stefan Stefanie Steffen
Stephan Stephanie Susanne Sven Sylvia Tanja Teresa Theresa Thomas Thorsten Tim Tobias Torsten Ulrich Ulrike Ursula
Valentin Vanessa Vera Verena Victor Victoria Viktor Viktoria Walter Werner Wilhelm Wolfgang Yvonne Zoë Ágnes
"""
STEMS = """
Acker Adler Albers Arnd Bach Bader Barth Bauer Baum Beck Behr Berg Birk Blum Böhm Brand Braun Breit Brück Buch Busch
Christ Dahl Diet Dörn Eber Eck Eichen Engel Ernst Falk Feld Fink Fisch Forst Frank Frei Fried Frisch Fuchs Gärt Gerst
Gold Gott Graf Grün Gut Haas Hahn Hart Haupt Heid Heil Hein Held Herr Hess Hirsch Hoch Hoff Holz Horn Huber Jäg Jung
Kais Karl Kauf Kell Kess Kirch Klein Kling Koch Köhl König Korn Kraft Kranz Kraus Krüg Kuhn Kunz Lang Lehm Lich Lieb Lind
Lör Mai Mann Mark Matt May Meier Merk Metz Mey Mühl Müll Nagel Neu Nord Ober Ost Ott Peter Pfeif Pohl Preis Raab Rad Rein
Reit Reich Richt Ried Ritt Röd Rös Roth Sand Sau Schad Schäf Schell Schick Schill Schmid Schmitt Schnei Schön Schu Schul
Schwar Seid Sieg Simm Sommer Stahl Stark Stein Stern Stock Stolz Storm Strauß Tann Teich Thal Thiel Thom Uhl Ull Unger
Vater Vog Voll Wag Wald Wall Walt Wan Web Weg Weid Weiß Well Wend West Wied Wies Wild Wink Wint Wirth Witt Wolf Zahn Zeig
Zell Ziegl Zimm Zink
"""
ENDINGS = """
mann er ner ler inger meister berger bauer stein feld bach hardt ert el ke ski ov son sen ling maier meier hofer heim
brecht wald schmidt kamp thal dorf reuter haus rich lein en
"""
LETTERS = "abcdefghijklmnopqrstuvwxyz"
FILL = """
insert into contact (tenant_id, id, version, settle, created_at, modified_at, external_ids, custom,
                     first_name, last_name, email, phone)
select $1::uuid, gen_random_uuid(), 1, 1, now(), now(), jsonb_build_object('erp', 'C' || n), '{}', first, last,
       btrim(replace(app_search(first || '.' || last), ' ', '.'), '.') || n || '@example.com', '+4930' || 1000000 + n
  from unnest($2::text[], $3::text[]) with ordinality t(first, last, n)
"""
PEOPLE = "select id, first_name, last_name from contact where tenant_id = $1 order by external_ids->>'erp'"


def names(number: int, seed: int) -> Iterator[tuple[str, str]]:
    """First and last names; the square makes some common and most rare."""
    rng = random.Random(seed)
    first = FIRST.split()
    last = [stem + ending for stem in STEMS.split() for ending in ["", *ENDINGS.split()]]
    rng.shuffle(first)
    rng.shuffle(last)
    for _ in range(number):
        yield first[int(rng.random() ** 2 * len(first))], last[int(rng.random() ** 2 * len(last))]


async def fill(place: Place, tenant_id: UUID, number: int, seed: int) -> list[asyncpg.Record]:
    """As the administrator and in one statement; the index is made anew, which is faster than growing it."""
    pairs = list(names(number, seed))
    async with place.connect() as connection:
        index = await connection.fetchval("select indexdef from pg_indexes where indexname = 'contact_search_idx'")
        await connection.execute("drop index contact_search_idx")
        await connection.execute(FILL, tenant_id, [one for one, _ in pairs], [one for _, one in pairs])
        await connection.execute("set role rapport_owner")
        await connection.execute(index)
        await connection.execute("reset role")
        await connection.execute("vacuum analyze contact")
        return list(await connection.fetch(PEOPLE, tenant_id))


def misspelt(word: str, rng: random.Random) -> str:
    """One letter missing, added, replaced or swapped with the next."""
    place = rng.randrange(len(word))
    before, after = word[:place], word[place:]
    return rng.choice(
        [
            before + after[1:],
            before + rng.choice(LETTERS) + after,
            before + rng.choice(LETTERS.replace(after[0].lower(), "")) + after[1:],
            before + after[1:2] + after[0] + after[2:] if len(after) > 1 else before[:-1] + after + before[-1:],
        ]
    )
